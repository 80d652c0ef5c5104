/** What a reset has to know beside the containers themselves, and what is to be as before afterwards. Pure data. */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualFirewall, HaResource, Ownership } from '../actual.ts';
import type { ContainerKey, DesiredNet, DesiredReset, Vmid } from '../desired.ts';
import type { SnapshotInfo } from '../plan-snapshot.ts';

/** A way back. */
export type ResetStrategy = Exclude<DesiredReset['strategy'], 'auto'>;

/** Somebody's role on a container. */
export interface AclEntry {
  readonly type: 'user' | 'group' | 'token';
  readonly ugid: string;
  readonly roleid: string;
  readonly propagate: boolean;
}

/** What a reset leaves as it was before. */
export interface Kept {
  readonly fleet: string;
  readonly key: ContainerKey;
  readonly vmid: Vmid;
  readonly node: string;
  /** It ran. */
  readonly running: boolean;
  /** By interface name, with MAC addresses. */
  readonly nets: Readonly<Record<string, DesiredNet>>;
  /** Volumes by path that no baseline knows; they keep their data in a rollback. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly pool?: string;
  /** Without the ownership tag. */
  readonly tags: readonly string[];
  /** Notes without the ownership line. */
  readonly notes: string;
  readonly line?: Ownership;
  readonly acls: readonly AclEntry[];
  readonly ha?: HaResource;
  readonly firewall?: ActualFirewall;
}

/** What was read for a reset; by vmid, and only of the containers that it is about. */
export interface ResetFacts {
  readonly snapshots: ReadonlyMap<Vmid, readonly SnapshotInfo[]>;
  /** Configs that the baselines hold. */
  readonly baselines: ReadonlyMap<Vmid, LxcConfig>;
  readonly acls: ReadonlyMap<Vmid, readonly AclEntry[]>;
  /** Privileges by role; only when entries are to be put back. */
  readonly roles?: ReadonlyMap<string, readonly string[]>;
  readonly ha: ReadonlyMap<Vmid, HaResource>;
  /** Containers with a replication job. */
  readonly replicated: ReadonlySet<Vmid>;
  /** Firewalls of the containers that are to be made anew. */
  readonly firewalls: ReadonlyMap<Vmid, ActualFirewall>;
  /** Names of aliases and IP sets in those firewalls, which are not put back. */
  readonly firewallObjects: ReadonlyMap<Vmid, readonly string[]>;
  /** What was to be kept by resets that were not finished, by vmid. */
  readonly unfinished: ReadonlyMap<Vmid, Kept>;
}

/** Nothing known. */
export const noFacts: ResetFacts = {
  snapshots: new Map(),
  baselines: new Map(),
  acls: new Map(),
  ha: new Map(),
  replicated: new Set(),
  firewalls: new Map(),
  firewallObjects: new Map(),
  unfinished: new Map(),
};

/** Notes of a snapshot of a container; empty where there is none of that name. */
export const notesOf = ({ snapshots }: ResetFacts, vmid: Vmid, snapshot: string): string =>
  snapshots.get(vmid)?.find(({ name }) => name === snapshot)?.description ?? '';
