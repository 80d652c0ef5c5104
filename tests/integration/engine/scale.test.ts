/** Planning thousands of containers: requests, time and memory, with the whole simulated cluster in the same process. */
import { expect, test } from 'vitest';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { fleet, makeEngine, many, policyOf, type TestEngine } from '../../support/engine.ts';

const count = 5_000;
const file = fleet(many(count), { vmids: { from: 1_000, to: 99_999 } });

/** Puts the containers there as an earlier apply would have left them, but for every fifth: somebody gave it memory. */
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

test(`${count} containers: one request each and a few more, seconds, and little memory`, async () => {
  let mostBytes = 0;
  const engine = makeEngine({
    onEvent: () => {
      mostBytes = Math.max(mostBytes, process.memoryUsage().heapUsed);
    },
  });
  populate(engine);
  const startedAt = performance.now();
  const { plan } = await makePlan(engine.context, file, policyOf());
  const seconds = (performance.now() - startedAt) / 1_000;
  expect(plan.summary).toMatchObject({ create: 0, update: count, destroy: 0 });
  expect(plan.actions).toHaveLength(count / 5 + count);
  expect(engine.requests().length).toBeLessThanOrEqual(count + 30);
  expect(seconds).toBeLessThan(60);
  expect(mostBytes / MiB).toBeLessThan(400);
}, 90_000);
