/** Rules within one container that need more than one key: required keys, volumes, addresses and gateways. */
import { addressPool, checkGateway, exampleAddress, staticAddress } from './addresses.ts';
import { checkInside } from './check-inside.ts';
import type { Instance } from './expand.ts';
import type { FileMount, FileNet } from './file.ts';
import type { Findings, Problem } from './findings.ts';
import { checkDnsName } from './formats.ts';
import { locate, type Path, type Place } from './tree.ts';

/** Reports problems of one container at the deepest place that its path leads to. */
type Report = (path: Path, problem: Problem, at?: 'key' | 'value') => void;

const required: readonly { path: readonly string[]; example: string }[] = [
  { path: ['node'], example: 'node: pve1' },
  { path: ['template'], example: 'template: debian-13' },
  { path: ['rootfs', 'storage'], example: 'rootfs: { storage: local-lvm, size: 8GiB }' },
  { path: ['rootfs', 'size'], example: 'rootfs: { storage: local-lvm, size: 8GiB }' },
];

/** Absent for good: an invalid value somewhere on the way has been reported already. */
function isMissing(instance: Instance, path: Path): boolean {
  const found = locate(instance.tree, path);
  return !found.complete && found.tree.kind !== 'invalid';
}

function checkRequired(instance: Instance, report: Report): void {
  const isCopy = instance.raw.from != null;
  for (const { path, example } of required) {
    // a copy has the disks of its source
    if (isCopy && path[0] !== 'node') continue;
    const [first = '', second] = path;
    const within = second !== undefined && !isMissing(instance, [first]);
    if (!isMissing(instance, path)) continue;
    const hint = within ? undefined : `add '${example}' here, to a blueprint or to the defaults`;
    const problem = { code: 'SPEC_MISSING', message: `'${path.join('.')}' is missing`, hint };
    report(within ? [first] : [], problem, 'key');
  }
}

function checkMount(path: string, mount: FileMount, instance: Instance, report: Report): void {
  const at = ['mounts', path];
  const complain = (key: string, message: string, hint?: string): void =>
    report([...at, key], { code: 'SPEC_MOUNT', message, hint });
  const gone = (key: 'storage' | 'size' | 'source'): boolean =>
    mount[key] === null || isMissing(instance, [...at, key]);
  if (mount.source != null) {
    if (mount.storage != null)
      complain(
        'storage',
        `'${path}' has both a source and a storage`,
        'a new volume needs storage and size only',
      );
    else if (mount.size != null && mount.source.startsWith('/'))
      complain('size', 'directories and devices of the node have no size here');
  } else if (instance.raw.from == null && gone('storage') && gone('source'))
    complain(
      'storage',
      `the mount '${path}' says not where its data is`,
      "add 'storage' and 'size', or 'source'",
    );
  else if (mount.storage != null && gone('size'))
    complain('size', `the new volume of '${path}' has no size`, "add for example 'size: 8GiB'");
  if (mount.quota === true && instance.raw.unprivileged !== false)
    complain('quota', 'quotas need a privileged container', "leave it out, or set 'unprivileged: false'");
}

function checkNetFamily(name: string, net: FileNet, family: 4 | 6, report: Report): void {
  const [ip, gateway, ipKey, gatewayKey] =
    family === 4
      ? ([net.ip, net.gateway, 'ip', 'gateway'] as const)
      : ([net.ip6, net.gateway6, 'ip6', 'gateway6'] as const);
  if (gateway == null) return;
  const pool = addressPool(ip);
  // a range that is wrong has been reported
  if (!pool && typeof ip === 'object' && ip !== null) return;
  const own = pool ? exampleAddress(pool, gateway) : typeof ip === 'string' ? staticAddress(ip) : undefined;
  const problem: Problem | undefined = own
    ? checkGateway(gateway, own)
    : {
        code: 'SPEC_GATEWAY',
        message: `a gateway needs a static address, and '${ipKey}' is ${typeof ip === 'string' ? ip : 'not set'}`,
        hint: `leave '${gatewayKey}' out, or give '${ipKey}' an address with prefix length`,
      };
  if (problem) report(['nets', name, gatewayKey], { ...problem, topic: 'gateway' });
}

/** Where it comes from: one source, and nothing that only the other kind of source has. */
function checkSource({ raw, tree }: Instance, report: Report): void {
  const { from } = raw;
  if (from == null || locate(tree, ['from']).tree.kind === 'invalid') return;
  const complain = (path: Path, message: string, hint?: string): void =>
    report(path, { code: 'SPEC_SOURCE', message, hint });
  if (from.clone === undefined && from.backup === undefined && !isMissingBoth(tree))
    complain(['from'], "'from' says not what to copy", "add 'clone: NAME' or 'backup: VOLUME'");
  if (from.clone !== undefined && from.backup !== undefined)
    complain(['from', 'backup'], 'a container is made from one source, either clone or backup');
  if (from.backup !== undefined && from.snapshot !== undefined)
    complain(['from', 'snapshot'], 'a backup has no snapshots');
  if (from.backup !== undefined && from.full !== undefined)
    complain(['from', 'full'], 'a restored container is always a full copy');
  if (raw.sshKeys != null || raw.password != null)
    report([raw.password == null ? 'sshKeys' : 'password'], {
      severity: 'warning',
      code: 'SPEC_UNUSED',
      message: 'a copy has the passwords and keys of its source; this is not used',
      hint: 'set up first access in the source',
      topic: 'copy-access',
    });
}

/** An invalid clone or backup has been reported; it is there all the same. */
const isMissingBoth = (tree: Instance['tree']): boolean =>
  ['clone', 'backup'].some((key) => locate(tree, ['from', key]).tree.kind === 'invalid');

/** What HA and a template can do with the state that is asked for. */
function checkPower({ raw }: Instance, report: Report): void {
  const { ha, isTemplate } = raw;
  const power = raw.power ?? (isTemplate ? 'stopped' : 'running');
  const complain = (path: Path, message: string, hint: string): void =>
    report(path, { code: 'SPEC_POWER', message, hint });
  if (isTemplate && power === 'running')
    complain(['power'], 'a template cannot run', "leave 'power' out, or 'isTemplate'");
  if (power === 'stopped' && ha?.state === 'started')
    complain(['ha', 'state'], "HA would start what 'power' wants stopped", 'write the same in both');
  if (power === 'running' && (ha?.state === 'stopped' || ha?.state === 'disabled'))
    complain(['ha', 'state'], "HA would stop what 'power' wants running", "write 'power: stopped' as well");
}

function checkNets(instance: Instance, report: Report): void {
  for (const [name, net] of Object.entries(instance.raw.nets ?? {})) {
    if (!net) continue;
    if (isMissing(instance, ['nets', name, 'bridge']))
      report(
        ['nets', name],
        {
          code: 'SPEC_MISSING',
          message: `the interface '${name}' has no bridge`,
          hint: "add 'bridge: vmbr0'",
        },
        'key',
      );
    // An invalid address has been reported; its gateway cannot be judged.
    const invalid = (key: string): boolean =>
      locate(instance.tree, ['nets', name, key]).tree.kind === 'invalid';
    if (!invalid('ip')) checkNetFamily(name, net, 4, report);
    if (!invalid('ip6')) checkNetFamily(name, net, 6, report);
  }
}

/**
 * Checks one container.
 *
 * @param instance - after expansion.
 * @param findings - gets the problems.
 */
export function checkContainer(instance: Instance, findings: Findings): void {
  const report: Report = (path, problem, at = 'value') => {
    const found = locate(instance.tree, path);
    const key: Place = path.length === 0 ? instance.place : (found.key ?? instance.place);
    const isKey = at === 'key' || path.length === 0 || !found.complete;
    findings.report(problem, isKey ? key : found.tree.place);
  };
  const { raw } = instance;
  checkRequired(instance, report);
  if (raw.hostname === undefined && isMissing(instance, ['hostname'])) {
    const problem = checkDnsName(instance.key);
    if (problem)
      report([], {
        ...problem,
        hint: `add a 'hostname', or rename the entry: ${problem.hint}`,
        topic: 'hostname',
      });
  }
  const vmid = locate(instance.tree, ['vmid']);
  if (raw.adopt === true && typeof raw.vmid !== 'number' && vmid.tree.kind !== 'invalid')
    report(['adopt'], {
      code: 'SPEC_VMID',
      message: "'adopt' needs the VMID of the container to take over",
      hint: "add 'vmid'",
    });
  for (const [path, mount] of Object.entries(raw.mounts ?? {}))
    if (mount) checkMount(path, mount, instance, report);
  if (raw.rootfs?.quota === true && raw.unprivileged !== false)
    report(['rootfs', 'quota'], {
      code: 'SPEC_MOUNT',
      message: 'quotas need a privileged container',
      hint: "leave it out, or set 'unprivileged: false'",
    });
  checkNets(instance, report);
  checkSource(instance, report);
  checkPower(instance, report);
  checkInside(instance, findings);
}
