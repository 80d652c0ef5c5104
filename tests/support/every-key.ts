/**
 * Every parameter that creates or changes a container, and where a fleet file has it, or why it has not. The tests that use
 * this table compare it with the official schema, so that a new parameter of the server cannot be overlooked.
 */

/** Id of the field in a fleet file, or the reason why there is none. */
export type KeyRow = { readonly field: string } | { readonly reason: string };

const field = (name: string): KeyRow => ({ field: name });
const not = (reason: string): KeyRow => ({ reason });

/** Parameters of POST /nodes/{node}/lxc and of PUT …/config. */
export const parameters: Readonly<Record<string, KeyRow>> = {
  arch: field('arch'),
  bwlimit: not('speed of one copy; the datacenter has a limit for all'),
  cmode: field('cmode'),
  console: field('console'),
  cores: field('cores'),
  cpulimit: field('cpuLimit'),
  cpuunits: field('cpuUnits'),
  debug: field('debug'),
  delete: not('how a key is unset; follows from null and from what a list does not name'),
  description: field('description'),
  'dev[n]': field('devices'),
  digest: not('lock against others; sent with every change'),
  entrypoint: field('entrypoint'),
  env: field('env'),
  features: field('features'),
  force: not('overwrites a container by a restore; pvefleet never overwrites one'),
  'ha-managed': field('ha'),
  hookscript: field('hookscript'),
  hostname: field('hostname'),
  'ignore-unpack-errors': not('a container with missing files is not what a file describes'),
  lock: not('set by running tasks; a person cannot take it away through the API'),
  memory: field('memory'),
  'mp[n]': field('mounts'),
  nameserver: field('nameservers'),
  'net[n]': field('nets'),
  node: field('node'),
  onboot: field('onboot'),
  ostemplate: field('template'),
  ostype: field('ostype'),
  password: field('access.password'),
  pool: field('pool'),
  protection: field('protection'),
  restore: field('from'),
  revert: not('how a waiting change is dropped; follows from the difference'),
  rootfs: field('rootfs'),
  searchdomain: field('searchDomains'),
  'ssh-public-keys': field('access.sshKeys'),
  start: field('power'),
  startup: field('startup'),
  storage: field('rootfs.storage'),
  swap: field('swap'),
  tags: field('tags'),
  template: field('isTemplate'),
  timezone: field('timezone'),
  tty: field('tty'),
  unique: not('follows from the original of a backup being there still'),
  unprivileged: field('unprivileged'),
  'unused[n]': not('volumes that were detached are kept; a person decides about them'),
  vmid: field('vmid'),
};

/** Sub-keys of property strings. */
export const subkeys: Readonly<Record<string, Readonly<Record<string, KeyRow>>>> = {
  'net[n]': {
    bridge: field('nets.bridge'),
    firewall: field('nets.firewall'),
    gw: field('nets.gateway'),
    gw6: field('nets.gateway6'),
    'host-managed': field('nets.hostManaged'),
    hwaddr: field('nets.mac'),
    ip: field('nets.ip'),
    ip6: field('nets.ip6'),
    link_down: field('nets.linkDown'),
    mtu: field('nets.mtu'),
    name: field('nets'),
    rate: field('nets.rateMBps'),
    tag: field('nets.vlan'),
    trunks: field('nets.trunks'),
    type: not('veth is the only one, and the default'),
  },
  'mp[n]': {
    acl: field('mounts.acl'),
    backup: field('mounts.backup'),
    idmap: field('mounts.idmap'),
    keepattrs: field('mounts.keepAttributes'),
    mountoptions: field('mounts.options'),
    mp: field('mounts'),
    quota: field('mounts.quota'),
    replicate: field('mounts.replicate'),
    ro: field('mounts.readOnly'),
    shared: field('mounts.shared'),
    size: field('mounts.size'),
    volume: field('mounts.source'),
  },
  rootfs: {
    acl: field('rootfs.acl'),
    idmap: field('rootfs.idmap'),
    mountoptions: field('rootfs.options'),
    quota: field('rootfs.quota'),
    replicate: field('rootfs.replicate'),
    ro: field('rootfs.readOnly'),
    shared: field('rootfs.shared'),
    size: field('rootfs.size'),
    volume: field('rootfs.storage'),
  },
  features: {
    force_rw_sys: field('features.forceRwSys'),
    fuse: field('features.fuse'),
    keyctl: field('features.keyctl'),
    mknod: field('features.mknod'),
    mount: field('features.mount'),
    nesting: field('features.nesting'),
  },
  'dev[n]': {
    'deny-write': field('devices.denyWrite'),
    gid: field('devices.gid'),
    mode: field('devices.mode'),
    path: field('devices'),
    uid: field('devices.uid'),
  },
  'unused[n]': { volume: not('see unused[n]') },
};

/** Settings of HA and firewall; the datacenter's own parts of them are not of a container. */
export const extraParameters: Readonly<Record<string, Readonly<Record<string, KeyRow>>>> = {
  'POST /cluster/ha/resources': {
    comment: field('ha.comment'),
    failback: field('ha.failback'),
    group: not('groups became rules of the datacenter with Proxmox VE 9'),
    max_relocate: field('ha.maxRelocate'),
    max_restart: field('ha.maxRestart'),
    sid: not('follows from the vmid'),
    state: field('ha.state'),
    type: not('follows from the sid'),
  },
  'PUT /nodes/{node}/lxc/{vmid}/firewall/options': {
    delete: not('how an option is unset; follows from null'),
    dhcp: field('firewall.dhcp'),
    digest: not('lock against others'),
    enable: field('firewall.enable'),
    ipfilter: field('firewall.ipFilter'),
    log_level_in: field('firewall.logLevelIn'),
    log_level_out: field('firewall.logLevelOut'),
    macfilter: field('firewall.macFilter'),
    ndp: field('firewall.ndp'),
    node: field('node'),
    policy_in: field('firewall.policyIn'),
    policy_out: field('firewall.policyOut'),
    radv: field('firewall.radv'),
    vmid: field('vmid'),
  },
  'POST /nodes/{node}/lxc/{vmid}/firewall/rules': Object.fromEntries([
    ['action', field('firewall.rules')],
    ['comment', field('firewall.rules')],
    ['dest', field('firewall.rules')],
    ['digest', not('lock against others')],
    ['dport', field('firewall.rules')],
    ['enable', field('firewall.rules')],
    ['icmp-type', field('firewall.rules')],
    ['iface', field('firewall.rules')],
    ['log', field('firewall.rules')],
    ['macro', field('firewall.rules')],
    ['node', field('node')],
    ['pos', not('follows from the order of the list')],
    ['proto', field('firewall.rules')],
    ['source', field('firewall.rules')],
    ['sport', field('firewall.rules')],
    ['type', field('firewall.rules')],
    ['vmid', field('vmid')],
  ] as const),
};

/** Fields that decide about a container's making or its place; what they do has tests of its own, named here. */
export const placeFields: Readonly<Record<string, string>> = {
  'access.password': 'first access, write-only: tests/integration/engine/apply.test.ts',
  'access.sshKeys': 'first access, write-only: tests/unit/domain/create.test.ts',
  from: 'tests/integration/engine/copies.test.ts',
  isTemplate: 'tests/integration/engine/copies.test.ts',
  node: 'tests/integration/engine/moves.test.ts',
  power: 'tests/unit/domain/changes.test.ts',
  template: 'creation only: tests/unit/domain/appliance.test.ts',
  vmid: 'identity: tests/unit/domain/identity.test.ts',
  'rootfs.storage': 'tests/integration/engine/moves.test.ts',
};

/** All fields that the tables name. */
export function allFields(): string[] {
  const tables = [parameters, ...Object.values(subkeys), ...Object.values(extraParameters)];
  const fields = tables.flatMap((table) =>
    Object.values(table).flatMap((row) => ('field' in row ? [row.field] : [])),
  );
  return [...new Set(fields)].sort();
}
