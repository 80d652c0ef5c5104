/** What the cluster has. Pure data, filled by engine/observe.ts. */
import type { Ownership } from '../codec/description.ts';
import type { LxcConfig } from '../codec/lxc-config.ts';
import type { TagRules } from './config-rights.ts';
import type { Vmid } from './desired.ts';
import type { ActualAccess } from './lab/access.ts';

export type { Ownership };

/** A row of /cluster/resources about a guest. */
export interface GuestSummary {
  readonly vmid: Vmid;
  readonly type: 'lxc' | 'qemu';
  readonly node: string;
  /** Absent for some seconds after creation. */
  readonly name?: string;
  readonly status: 'running' | 'stopped' | 'unknown';
  readonly isTemplate: boolean;
  readonly tags: readonly string[];
  readonly pool?: string;
  readonly lock?: string;
  /** Managed by HA when present. */
  readonly haState?: string;
  readonly uptimeSeconds?: number;
  readonly usage: {
    /** Fraction of `maxCpu`. */
    readonly cpu?: number;
    readonly maxCpu?: number;
    readonly memoryBytes?: number;
    readonly maxMemoryBytes?: number;
    readonly diskBytes?: number;
    readonly maxDiskBytes?: number;
  };
}

/** A container read in full. */
export interface ActualContainer extends GuestSummary {
  readonly type: 'lxc';
  /** Values in force (`value` of GET …/pending). */
  readonly live: LxcConfig;
  /** Values of the next start (pending changes merged). */
  readonly next: LxcConfig;
  /** Wire keys that wait for a restart. */
  readonly pending: readonly string[];
  /** SHA-1 of the config file, sent back as optimistic lock. */
  readonly digest: string;
  readonly ownership?: Ownership;
}

/** A node of the cluster. */
export interface NodeInfo {
  readonly node: string;
  readonly online: boolean;
  readonly maxCpu?: number;
  readonly memoryBytes?: number;
  readonly maxMemoryBytes?: number;
}

/** A storage as one node sees it. */
export interface StorageInfo {
  readonly storage: string;
  readonly node: string;
  readonly type: string;
  readonly content: readonly string[];
  readonly shared: boolean;
  readonly active: boolean;
  readonly usedBytes?: number;
  readonly totalBytes?: number;
}

/** A template archive on a storage. */
export interface StoredTemplate {
  /** `storage:vztmpl/file`. */
  readonly volid: string;
  readonly storage: string;
  readonly node: string;
  readonly sizeBytes?: number;
}

/** An entry of the appliance catalogue of a node. */
export interface CatalogueEntry {
  /** File name, the `template` parameter of a download. */
  readonly template: string;
  readonly package: string;
  readonly version: string;
  readonly os: string;
  readonly section: string;
  readonly architecture?: string;
  readonly sha512?: string;
}

/** What is known about the snapshots of a container. */
export interface SnapshotFacts {
  /** All of its volumes can be snapshotted. */
  readonly isPossible: boolean;
  /** Names that are taken. */
  readonly names: readonly string[];
}

/** What the HA manager knows about a container; numbers at their default when absent. */
export interface HaResource {
  readonly state: string;
  readonly maxRestart: number;
  readonly maxRelocate: number;
  readonly failback: boolean;
  readonly comment?: string;
}

/** Firewall settings of a container as the API has them; absent options are at their default. */
export interface ActualFirewall {
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** Without position and digest, first rule first. */
  readonly rules: readonly Readonly<Record<string, string | number | boolean>>[];
  readonly optionsDigest?: string;
}

/** Everything a plan is made from. */
export interface ClusterSnapshot {
  readonly nodes: readonly NodeInfo[];
  readonly storages: readonly StorageInfo[];
  /** All guests of the cluster. */
  readonly guests: readonly GuestSummary[];
  /** Those read in full, by vmid. */
  readonly containers: ReadonlyMap<Vmid, ActualContainer>;
  /** Template archives; only of the storages that were asked for. */
  readonly templates: readonly StoredTemplate[];
  /** Catalogue; read only when a template is not on its storage. */
  readonly catalogue: readonly CatalogueEntry[];
  readonly pools: readonly string[];
  /** Users, pools, roles and rights; only where a fleet has accounts. */
  readonly access?: ActualAccess;
  /** By vmid; only of the containers that a plan with `snapshotFirst` would snapshot. */
  readonly snapshots?: ReadonlyMap<Vmid, SnapshotFacts>;
  /** Names of the snapshots by vmid; only of the containers whose baseline has to be looked for. */
  readonly snapshotNames?: ReadonlyMap<Vmid, readonly string[]>;
  /** Bridges by node; only of the nodes that a container may be placed on. */
  readonly bridges?: ReadonlyMap<string, readonly string[]>;
  /** Privileges by role; read only where roles are to be given. */
  readonly roles?: ReadonlyMap<string, readonly string[]>;
  /** Tags that are not free to all; absent: not known, or none. */
  readonly tagRules?: TagRules;
  /**
   * Whether this account may give the tag of ownership; absent: it may. Then every container of a fleet has it; else some
   * may be owned by their line alone.
   */
  readonly ownTag?: 'refused' | 'unknown';
  /** Tags of boosts and freezes that this account may neither give nor take off, as far as it was told. */
  readonly refusedTags?: readonly string[];
  readonly tagStyle: { readonly caseSensitive: boolean; readonly keepOrder: boolean };
  /** `9.2.11`, when known. */
  readonly version?: string;
  /** HA resources by vmid; absent: nobody asked for them. */
  readonly haResources?: ReadonlyMap<Vmid, HaResource>;
  /** Firewalls by vmid; only of the containers whose firewall matters. */
  readonly firewalls?: ReadonlyMap<Vmid, ActualFirewall>;
  /** Raw configs that new containers start from: `VMID/SNAPSHOT` or the volume id of a backup. */
  readonly sources?: ReadonlyMap<string, Readonly<Record<string, string>>>;
}
