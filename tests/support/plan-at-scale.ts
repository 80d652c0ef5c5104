/**
 * Plans thousands of containers that an earlier apply has made, in a process of its own, with the whole simulated cluster
 * in it. Prints what that took as JSON. Run by tests/integration/engine/scale.test.ts.
 */
import { readFileSync } from 'node:fs';
import { platform, resourceUsage, stdout } from 'node:process';
import { specDigestOf } from '../../src/domain/ownership.ts';
import { makePlan } from '../../src/engine/plan.ts';
import { GiB } from '../../src/util/bytes.ts';
import { fleet, makeEngine, many, policyOf, type TestEngine } from './engine.ts';

/** What planning took. */
export interface ScaleCost {
  readonly requests: number;
  readonly seconds: number;
  /** Most that the process has had resident, in MiB: heap, code, buffers and all. */
  readonly residentMiB: number;
  readonly update: number;
  readonly actions: number;
}

/** So many containers; every fifth was given memory by somebody. */
export const scaleCount = 5_000;

const file = fleet(many(scaleCount), { vmids: { from: 1_000, to: 99_999 } });

function populate({ simulator: { state } }: TestEngine): void {
  for (const [index, desired] of file.containers.entries()) {
    const vmid = 1_000 + index;
    const volid = `local-lvm:vm-${vmid}-disk-0`;
    const hex = vmid.toString(16).toUpperCase().padStart(4, '0');
    state.containers[vmid] = {
      vmid,
      node: 'pve1',
      config: {
        arch: 'amd64',
        cores: '1',
        description: `<!-- pvefleet fleet=lab key=${desired.key} spec=sha256:${specDigestOf(desired)} -->\n`,
        features: 'nesting=1',
        hostname: desired.hostname,
        memory: index % 5 === 0 ? '1024' : '512',
        net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:${hex.slice(0, 2)}:${hex.slice(2)},ip=dhcp,type=veth`,
        ostype: 'debian',
        rootfs: `${volid},size=4G`,
        swap: '256',
        tags: 'pvefleet',
        unprivileged: '1',
      },
      pending: {},
      pendingDelete: {},
      snapshots: {},
      runtime: null,
      createdAtMs: 0,
      raw: [],
    };
    state.volumes[`pve1|${volid}`] = {
      volid,
      storage: 'local-lvm',
      node: 'pve1',
      content: 'rootdir',
      format: 'raw',
      sizeBytes: 4 * GiB,
      usedBytes: GiB,
      ctime: 0,
      vmid,
      snapshots: [],
    };
  }
}

/**
 * The most that this process has had resident. On Linux not `resourceUsage().maxRSS`, which is handed on through fork and
 * exec and so would be at least what the test runner had.
 */
function mostResidentMiB(): number {
  if (platform !== 'linux') return resourceUsage().maxRSS / 1_024;
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  if (kib === undefined) throw new Error('/proc/self/status tells no VmHWM');
  return Number(kib) / 1_024;
}

async function measure(): Promise<ScaleCost> {
  const engine = makeEngine();
  populate(engine);
  const startedAt = performance.now();
  const { plan } = await makePlan(engine.context, file, policyOf());
  return {
    requests: engine.requests().length,
    seconds: (performance.now() - startedAt) / 1_000,
    residentMiB: mostResidentMiB(),
    update: plan.summary.update,
    actions: plan.actions.length,
  };
}

if (process.argv[1] === import.meta.filename) stdout.write(JSON.stringify(await measure()));
