/**
 * The whole simulated cluster as plain JSON (structuredClone-able, saved and loaded by `--state`). No behaviour here.
 * Raw config values are kept as the server's config files keep them: text under the API's own keys.
 */

export interface SimBridge {
  readonly iface: string;
  readonly type: string;
  readonly cidr?: string;
  readonly mtu: number;
  /** A DHCP server on this bridge: first address of its range with prefix, for example `10.0.3.100/24`. */
  readonly dhcp?: string;
}

export interface SimNode {
  readonly name: string;
  status: 'online' | 'offline';
  readonly ip: string;
  readonly nodeid: number;
  readonly maxCpu: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly rootBytes: number;
  /** Simulated epoch ms at which the node was booted. */
  readonly bootedAtMs: number;
  /** SHA-256 of the node's certificate; a server that offers one sets it. */
  sslFingerprint: string;
  bridges: SimBridge[];
}

export type StorageType = 'dir' | 'lvm' | 'lvmthin' | 'zfspool' | 'btrfs' | 'nfs' | 'cifs' | 'rbd' | 'pbs';

/** An entry of storage.cfg; order of the record is the order of the file. */
export interface SimStorage {
  readonly storage: string;
  readonly type: StorageType;
  content: string[];
  /** Absent: all nodes. */
  nodes?: string[];
  shared: boolean;
  disabled: boolean;
  path?: string;
  totalBytes: number;
  /** Space taken by what is not a volume of the model. */
  baseUsedBytes: number;
  /** Local storages whose size differs from node to node, by node; the others have the sizes above. */
  sizes?: Record<string, { totalBytes: number; baseUsedBytes: number }>;
  /** A fault: there is no more room than this. */
  freeAtMostBytes?: number;
  /** Further keys of storage.cfg, as sent. */
  options: Record<string, string>;
}

/** A file or volume on a storage. Local storages: one entry per node; shared ones: node is null. */
export interface SimVolume {
  volid: string;
  storage: string;
  node: string | null;
  content: 'vztmpl' | 'iso' | 'backup' | 'rootdir' | 'images' | 'snippets' | 'import';
  format: string;
  sizeBytes: number;
  usedBytes: number;
  ctime: number;
  vmid?: number;
  parent?: string;
  notes?: string;
  protected?: boolean;
  /** Snapshots of this volume, oldest first. */
  snapshots: string[];
  /** What a template archive contains, a backup's config, …: facts that the semantics need. */
  meta?: Record<string, unknown>;
}

export interface SimSnapshot {
  name: string;
  parent?: string;
  description?: string;
  snaptime: number;
  snapstate?: string;
  config: Record<string, string>;
  /** As it was then; absent: nobody had been in it. */
  inside?: SimInside;
}

/** What exists only while a container runs. */
export interface SimRuntime {
  pid: number;
  /** Simulated epoch ms of the start; uptime is counted from here. */
  startedAtMs: number;
  /** Limits and network in force; may differ from the config until a restart. */
  memoryMiB: number;
  swapMiB: number;
  cpuLimit: string;
  cpuUnits: number;
  /** Ignores shutdown requests (an entrypoint without init). */
  ignoresShutdown: boolean;
}

/** A file of a container. */
export interface SimFile {
  type: 'file' | 'dir' | 'link';
  /** Permission bits. */
  mode: number;
  /** Seconds since the epoch. */
  mtime: number;
  /** Content, or target of a link; every character is one byte. */
  data?: string;
  /** `UID:GID`; absent: root's. */
  owner?: string;
}

/** What was done inside a container, in its console; over what its distribution brings. */
export interface SimInside {
  /** By path; null: removed. */
  files: Record<string, SimFile | null>;
  /** Plain text by user: this is a simulator. Absent: nobody can log in as that user. */
  passwords: Record<string, string>;
  /** Installed packages. */
  packages: string[];
  /** Services that were touched, by name. */
  services: Record<string, { active: boolean; enabled: boolean }>;
  /** Process id of the init for which /run was emptied last. */
  booted?: number;
}

export interface SimContainer {
  vmid: number;
  node: string;
  /** Current section of the config file. */
  config: Record<string, string>;
  /** Pending section; values waiting for a restart. */
  pending: Record<string, string>;
  /** `delete:` of the pending section; value true for a forced delete. */
  pendingDelete: Record<string, boolean>;
  snapshots: Record<string, SimSnapshot>;
  runtime: SimRuntime | null;
  /** Simulated epoch ms; a fresh container is `unknown` and nameless in /cluster/resources for some seconds. */
  createdAtMs: number;
  /** Raw lxc.* lines. */
  raw: [string, string][];
  /** Leases that it got in the cluster it was exported from, with prefix, by net key; else the bridge's server decides. */
  leases?: Record<string, string>;
  /** Absent until somebody has been in it. */
  inside?: SimInside;
}

export interface SimVm {
  vmid: number;
  node: string;
  name: string;
  status: 'running' | 'stopped';
  config: Record<string, string>;
}

export interface SimTask {
  upid: string;
  node: string;
  pid: number;
  pstart: number;
  /** Seconds since the epoch. */
  starttime: number;
  type: string;
  id: string;
  /** `user@realm` or `user@realm!token`. */
  user: string;
  status: 'running' | 'stopped';
  exitstatus?: string;
  endtime?: number;
  log: string[];
}

export interface SimUser {
  userid: string;
  enable: boolean;
  expire: number;
  /** Plain text: this is a simulator. Absent: cannot log in. */
  password?: string;
  comment?: string;
  email?: string;
  firstname?: string;
  lastname?: string;
  keys?: string;
  groups: string[];
  /** Base32 secret; a login then wants a second factor. */
  totpSecret?: string;
  /** What is shown of the TOTP entry; present whenever `totpSecret` is. */
  totp?: { id: string; description: string; created: number; enable: boolean };
  /** Recovery codes; each is used once. */
  recovery?: { created: number; codes: string[] };
  tokens: Record<string, SimToken>;
}

export interface SimToken {
  tokenid: string;
  secret: string;
  privsep: boolean;
  expire: number;
  comment?: string;
}

export interface SimAcl {
  path: string;
  type: 'user' | 'group' | 'token';
  ugid: string;
  roleid: string;
  propagate: boolean;
}

export interface SimRealm {
  type: string;
  comment?: string;
  default?: boolean;
  /** Further settings, as sent. */
  options?: Record<string, string>;
}

export interface SimPool {
  poolid: string;
  comment?: string;
  vms: number[];
  storages: string[];
}

export interface SimCatalogueEntry {
  template: string;
  package: string;
  version: string;
  os: string;
  section: string;
  architecture: string;
  location: string;
  source: string;
  sha512sum: string;
  sizeBytes: number;
  [more: string]: string | number;
}

/** Keeps copies of a guest's volumes on another node. */
export interface SimReplicationJob {
  /** Settings as they were sent; numbers where the API has numbers and booleans. */
  settings: Record<string, string | number>;
  /** Seconds since the epoch. */
  createdAt: number;
  /** When the scheduler takes it away, seconds since the epoch. */
  removeAt?: number;
  /** What came of it: seconds since the epoch and seconds; all absent until it has run. */
  lastTry?: number;
  lastSync?: number;
  duration?: number;
  failCount: number;
  error?: string;
  log: string[];
}

/** What the nodes told each other last, every 10 s; /cluster/resources and pools know nothing newer. */
interface SimBroadcast {
  /** Simulated epoch ms. */
  atMs: number;
  /** Rows by guest id, without what is live. */
  guests: Record<number, Record<string, unknown>>;
  /** Space by `NODE/STORAGE`, in bytes. */
  storages: Record<string, { total: number; used: number }>;
}

export interface SimState {
  readonly format: 'pvefleet.sim-state/1';
  version: { version: string; release: string; repoid: string };
  /** Null: a single node that is not clustered. */
  clusterName: string | null;
  quorate: boolean;
  options: Record<string, unknown>;
  nodes: Record<string, SimNode>;
  storages: Record<string, SimStorage>;
  /** Key: `${node ?? '*'}|${volid}`. */
  volumes: Record<string, SimVolume>;
  containers: Record<number, SimContainer>;
  vms: Record<number, SimVm>;
  /** By UPID, oldest first. */
  tasks: Record<string, SimTask>;
  users: Record<string, SimUser>;
  groups: Record<string, { comment?: string; users: string[] }>;
  /** Custom roles only; the built-in ones are a table of the model. */
  roles: Record<string, string[]>;
  acls: SimAcl[];
  realms: Record<string, SimRealm>;
  pools: Record<string, SimPool>;
  haResources: Record<string, Record<string, unknown>>;
  /** Rules of the HA manager by id, in the order of their file; absent: none. */
  haRules?: Record<string, Record<string, string | number>>;
  /** Replication jobs by id, `VMID-NUMBER`; absent: none. */
  replication?: Record<string, SimReplicationJob>;
  firewall: Record<string, unknown>;
  /** Scheduled backups by id; absent: none. */
  backupJobs?: Record<string, Record<string, string | number>>;
  catalogue: SimCatalogueEntry[];
  /** Key for tickets. */
  secret: string;
  /** State of the random numbers; equal seeds give equal runs. */
  random: number;
  counters: { pid: number };
  /** Absent until somebody asks. */
  broadcast?: SimBroadcast;
  /** Simulated epoch ms at which it was saved; time goes on from there when it is loaded. */
  savedAtMs?: number;
}
