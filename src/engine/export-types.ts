/**
 * The state file of a simulated cluster, `pvefleet.sim-state/1`, as an export writes it. The simulator has its own
 * definition; that both are the same is shown by tests, not by imports.
 */

export interface ExportedBridge {
  readonly iface: string;
  readonly type: string;
  readonly cidr?: string;
  readonly mtu: number;
  /** First address of a DHCP server's range, with prefix. */
  readonly dhcp?: string;
}

export interface ExportedNode {
  readonly name: string;
  readonly status: 'online' | 'offline';
  readonly ip: string;
  readonly nodeid: number;
  readonly maxCpu: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly rootBytes: number;
  readonly bootedAtMs: number;
  readonly sslFingerprint: string;
  readonly bridges: readonly ExportedBridge[];
}

interface StorageSize {
  readonly totalBytes: number;
  readonly baseUsedBytes: number;
}

export interface ExportedStorage extends StorageSize {
  readonly storage: string;
  readonly type: string;
  readonly content: readonly string[];
  readonly nodes?: readonly string[];
  readonly shared: boolean;
  readonly disabled: boolean;
  readonly path?: string;
  readonly sizes?: Readonly<Record<string, StorageSize>>;
  readonly options: Readonly<Record<string, string>>;
}

export interface ExportedVolume {
  readonly volid: string;
  readonly storage: string;
  readonly node: string | null;
  readonly content: string;
  readonly format: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly ctime: number;
  readonly vmid?: number;
  readonly parent?: string;
  readonly notes?: string;
  readonly protected?: boolean;
  readonly snapshots: readonly string[];
  readonly meta?: Readonly<Record<string, unknown>>;
}

export interface ExportedSnapshot {
  readonly name: string;
  readonly parent?: string;
  readonly description?: string;
  readonly snaptime: number;
  readonly snapstate?: string;
  readonly config: Readonly<Record<string, string>>;
}

export interface ExportedContainer {
  readonly vmid: number;
  readonly node: string;
  readonly config: Readonly<Record<string, string>>;
  readonly pending: Readonly<Record<string, string>>;
  readonly pendingDelete: Readonly<Record<string, boolean>>;
  readonly snapshots: Readonly<Record<string, ExportedSnapshot>>;
  readonly runtime: {
    readonly pid: number;
    readonly startedAtMs: number;
    readonly memoryMiB: number;
    readonly swapMiB: number;
    readonly cpuLimit: string;
    readonly cpuUnits: number;
    readonly ignoresShutdown: boolean;
  } | null;
  readonly createdAtMs: number;
  readonly raw: readonly (readonly [string, string])[];
  /** Leases by net key, with prefix. */
  readonly leases?: Readonly<Record<string, string>>;
}

export interface ExportedVm {
  readonly vmid: number;
  readonly node: string;
  readonly name: string;
  readonly status: 'running' | 'stopped';
  readonly config: Readonly<Record<string, string>>;
}

export interface ExportedUser {
  readonly userid: string;
  readonly enable: boolean;
  readonly expire: number;
  readonly password?: string;
  readonly comment?: string;
  readonly groups: readonly string[];
  readonly tokens: Readonly<
    Record<
      string,
      {
        readonly tokenid: string;
        readonly secret: string;
        readonly privsep: boolean;
        readonly expire: number;
        readonly comment?: string;
      }
    >
  >;
}

export interface ExportedPool {
  readonly poolid: string;
  readonly comment?: string;
  readonly vms: readonly number[];
  readonly storages: readonly string[];
}

/** Users and what they may do. */
export interface ExportedAccess {
  readonly users: Readonly<Record<string, ExportedUser>>;
  readonly groups: Readonly<Record<string, { readonly comment?: string; readonly users: readonly string[] }>>;
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly acls: readonly {
    readonly path: string;
    readonly type: string;
    readonly ugid: string;
    readonly roleid: string;
    readonly propagate: boolean;
  }[];
  readonly realms: Readonly<
    Record<string, { readonly type: string; readonly comment?: string; readonly default?: boolean }>
  >;
}

export type CatalogueRow = Readonly<Record<string, string | number>>;

/** The whole file. */
export interface ExportedState extends ExportedAccess {
  readonly format: 'pvefleet.sim-state/1';
  readonly version: { readonly version: string; readonly release: string; readonly repoid: string };
  readonly clusterName: string | null;
  readonly quorate: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly nodes: Readonly<Record<string, ExportedNode>>;
  readonly storages: Readonly<Record<string, ExportedStorage>>;
  readonly volumes: Readonly<Record<string, ExportedVolume>>;
  readonly containers: Readonly<Record<number, ExportedContainer>>;
  readonly vms: Readonly<Record<number, ExportedVm>>;
  readonly tasks: Readonly<Record<string, never>>;
  readonly pools: Readonly<Record<string, ExportedPool>>;
  readonly haResources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly firewall: Readonly<Record<string, never>>;
  readonly catalogue: readonly CatalogueRow[];
  readonly secret: string;
  readonly random: number;
  readonly counters: { readonly pid: number };
  readonly savedAtMs: number;
}
