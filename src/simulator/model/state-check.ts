/**
 * The check of a state that comes from a file: its structure, and that what it names is there. A broken file is refused
 * here with a place, so that nothing breaks later. Changes nothing.
 */
import {
  anything,
  type Finding,
  finite,
  flag,
  listOf,
  name,
  objectOf,
  oneOf,
  orNull,
  recordOf,
  refuseFindings,
  type Shape,
  scalar,
  text,
  whole,
} from '../validate/shape.ts';
import type { SimState, StorageType } from './state.ts';

/** The `format` of every saved state. */
export const stateFormat = 'pvefleet.sim-state/1';

/** Members that are not listed are of later versions, or of nobody's concern. */
const open = { open: true } as const;
const size = whole(0);
const words = recordOf(text);
const storageTypes: readonly StorageType[] = [
  'dir',
  'lvm',
  'lvmthin',
  'zfspool',
  'btrfs',
  'nfs',
  'cifs',
  'rbd',
  'pbs',
];
const contents = ['vztmpl', 'iso', 'backup', 'rootdir', 'images', 'snippets', 'import'];
const vmid: Shape = whole(100, 999_999_999);
const vmidKey: Shape = scalar(
  'a guest id',
  (value) => typeof value === 'string' && /^[1-9]\d{2,8}$/.test(value),
);

const bridge = objectOf({ iface: name, type: name, 'cidr?': text, mtu: whole(1), 'dhcp?': text }, open);
const node = objectOf(
  {
    name,
    status: oneOf(['online', 'offline']),
    ip: text,
    nodeid: whole(0),
    maxCpu: whole(1),
    memoryBytes: size,
    swapBytes: size,
    rootBytes: size,
    bootedAtMs: finite,
    sslFingerprint: text,
    bridges: listOf(bridge),
  },
  open,
);
const storage = objectOf(
  {
    storage: name,
    type: oneOf(storageTypes),
    content: listOf(name),
    'nodes?': listOf(name),
    shared: flag,
    disabled: flag,
    'path?': name,
    totalBytes: size,
    baseUsedBytes: size,
    'sizes?': recordOf(objectOf({ totalBytes: size, baseUsedBytes: size }, open)),
    'freeAtMostBytes?': size,
    options: words,
  },
  open,
);
const volume = objectOf(
  {
    volid: name,
    storage: name,
    node: orNull(name),
    content: oneOf(contents),
    format: name,
    sizeBytes: size,
    usedBytes: size,
    ctime: finite,
    'vmid?': whole(0),
    'parent?': name,
    'notes?': text,
    'protected?': flag,
    snapshots: listOf(name),
    'meta?': recordOf(anything),
  },
  open,
);
const snapshot = objectOf(
  {
    name,
    'parent?': name,
    'description?': text,
    snaptime: finite,
    'snapstate?': text,
    config: words,
  },
  open,
);
const runtime = objectOf(
  {
    pid: whole(1),
    startedAtMs: finite,
    memoryMiB: finite,
    swapMiB: finite,
    cpuLimit: text,
    cpuUnits: finite,
    ignoresShutdown: flag,
  },
  open,
);
const pair: Shape = scalar(
  'a pair of texts',
  (value) => Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === 'string'),
);
const file = objectOf(
  {
    type: oneOf(['file', 'dir', 'link']),
    mode: whole(0, 0o7777),
    mtime: finite,
    'data?': text,
    'owner?': text,
  },
  open,
);
const inside = objectOf(
  {
    files: recordOf(orNull(file)),
    passwords: words,
    packages: listOf(text),
    services: recordOf(objectOf({ active: flag, enabled: flag }, open)),
  },
  open,
);
const container = objectOf(
  {
    vmid,
    node: name,
    config: words,
    pending: words,
    pendingDelete: recordOf(flag),
    snapshots: recordOf(snapshot),
    runtime: orNull(runtime),
    createdAtMs: finite,
    raw: listOf(pair),
    'leases?': words,
    'inside?': inside,
  },
  open,
);
const machine = objectOf(
  { vmid, node: name, name: text, status: oneOf(['running', 'stopped']), config: words },
  open,
);
const task = objectOf(
  {
    upid: name,
    node: name,
    pid: finite,
    pstart: finite,
    starttime: finite,
    type: name,
    id: text,
    user: name,
    status: oneOf(['running', 'stopped']),
    'exitstatus?': text,
    'endtime?': finite,
    log: listOf(text),
  },
  open,
);
const token = objectOf({ tokenid: name, secret: name, privsep: flag, expire: size, 'comment?': text }, open);
const user = objectOf(
  {
    userid: scalar(
      'a user of a realm',
      (value) => typeof value === 'string' && /^[^@]+.*@[^@]+$/.test(value),
    ),
    enable: flag,
    expire: size,
    'password?': text,
    'comment?': text,
    groups: listOf(name),
    tokens: recordOf(token),
  },
  open,
);
const acl = objectOf(
  {
    path: name,
    type: oneOf(['user', 'group', 'token']),
    ugid: name,
    roleid: name,
    propagate: flag,
  },
  open,
);
const catalogueEntry = objectOf(
  {
    template: name,
    package: text,
    version: text,
    os: text,
    section: text,
    architecture: text,
    location: text,
    source: text,
    sha512sum: text,
    sizeBytes: size,
  },
  open,
);

const state = objectOf(
  {
    format: oneOf([stateFormat]),
    version: objectOf({ version: name, release: text, repoid: text }, open),
    clusterName: orNull(text),
    quorate: flag,
    options: recordOf(anything),
    nodes: recordOf(node),
    storages: recordOf(storage),
    volumes: recordOf(volume),
    containers: recordOf(container, vmidKey),
    vms: recordOf(machine, vmidKey),
    tasks: recordOf(task),
    users: recordOf(user),
    groups: recordOf(objectOf({ 'comment?': text, users: listOf(name) }, open)),
    roles: recordOf(listOf(name)),
    acls: listOf(acl),
    realms: recordOf(objectOf({ type: name, 'comment?': text, 'default?': flag, 'options?': words }, open)),
    pools: recordOf(
      objectOf({ poolid: name, 'comment?': text, vms: listOf(whole(0)), storages: listOf(name) }, open),
    ),
    haResources: recordOf(recordOf(anything)),
    firewall: recordOf(anything),
    'backupJobs?': recordOf(recordOf(anything)),
    catalogue: listOf(catalogueEntry),
    secret: name,
    random: whole(0, 0xffff_ffff),
    counters: objectOf({ pid: whole(0) }, open),
    'broadcast?': objectOf(
      { atMs: finite, guests: recordOf(recordOf(anything)), storages: recordOf(anything) },
      open,
    ),
    'savedAtMs?': finite,
  },
  open,
);

/** What one entry says of another that is not there, and entries under a key that is not theirs. */
function crossChecks(value: SimState, found: Finding[]): void {
  const { nodes, storages, containers, vms, volumes, users } = value;
  const says = (path: string, message: string): void => void found.push({ path, message });
  const needsNode = (path: string, node: string | null): void => {
    if (node !== null && !Object.hasOwn(nodes, node)) says(path, `there is no node ${node}`);
  };
  if (Object.keys(nodes).length === 0) says('nodes', 'there is none; the first one answers requests');
  for (const [key, entry] of Object.entries(nodes))
    if (entry.name !== key) says(`nodes.${key}.name`, `must be ${key}`);
  for (const [key, entry] of Object.entries(storages)) {
    if (entry.storage !== key) says(`storages.${key}.storage`, `must be ${key}`);
    for (const [index, node] of (entry.nodes ?? []).entries())
      needsNode(`storages.${key}.nodes[${index}]`, node);
  }
  for (const kind of ['containers', 'vms'] as const)
    for (const [key, guest] of Object.entries(value[kind])) {
      if (String(guest.vmid) !== key) says(`${kind}.${key}.vmid`, `must be ${key}`);
      needsNode(`${kind}.${key}.node`, guest.node);
    }
  for (const key of Object.keys(containers))
    if (Object.hasOwn(vms, key)) says(`vms.${key}`, 'is a container already; guests share their ids');
  for (const [key, entry] of Object.entries(volumes)) {
    const path = `volumes[${JSON.stringify(key)}]`;
    if (key !== `${entry.node ?? '*'}|${entry.volid}`)
      says(path, `must be under ${entry.node ?? '*'}|${entry.volid}`);
    needsNode(`${path}.node`, entry.node);
  }
  if (!Object.hasOwn(users, 'root@pam')) says('users', 'there is no root@pam');
  for (const [key, entry] of Object.entries(users))
    if (entry.userid !== key) says(`users[${JSON.stringify(key)}].userid`, `must be ${key}`);
}

/**
 * Checks a state.
 *
 * @param value - anything.
 * @param source - where it comes from, for the message.
 * @returns the same value.
 * @throws UsageError that names what is wrong, and where.
 */
export function checkState(value: unknown, source: string): SimState {
  const found: Finding[] = [];
  state(value, '', found);
  if (found.length === 0) crossChecks(value as SimState, found);
  refuseFindings(`${source} holds no sound state of a simulated cluster`, found);
  return value as SimState;
}
