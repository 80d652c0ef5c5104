/**
 * The vocabulary of a fleet file as types: what the schema describes and what is left of a container after defaults and
 * blueprints. Sizes are texts with a unit here, as a person writes them.
 */

import type { DesiredFirewall, DesiredFirewallRule, DesiredHa, DesiredReset } from '../domain/desired.ts';
/** Addresses to choose from, instead of one. */
export interface FileAddressPool {
  readonly range: string;
  readonly prefix?: number;
  readonly exclude?: string | readonly string[];
}

export interface FileNet {
  readonly bridge?: string;
  readonly ip?: string | FileAddressPool | null;
  readonly gateway?: string | null;
  readonly ip6?: string | FileAddressPool | null;
  readonly gateway6?: string | null;
  readonly mac?: string | null;
  readonly vlan?: number | string | null;
  readonly trunks?: readonly number[] | null;
  readonly mtu?: number | null;
  /** MB/s. */
  readonly rate?: number | null;
  readonly firewall?: boolean;
  readonly linkDown?: boolean;
  readonly hostManaged?: boolean;
}

export interface FileRootfs {
  readonly storage?: string;
  readonly size?: string;
  readonly acl?: boolean | null;
  readonly quota?: boolean;
  readonly replicate?: boolean;
  readonly readOnly?: boolean;
  readonly options?: readonly string[] | null;
  readonly shared?: boolean;
  readonly idmap?: string | null;
}

export interface FileMount {
  readonly storage?: string | null;
  readonly size?: string | null;
  readonly source?: string | null;
  readonly backup?: boolean;
  readonly readOnly?: boolean;
  readonly acl?: boolean | null;
  readonly quota?: boolean;
  readonly replicate?: boolean;
  readonly shared?: boolean;
  readonly options?: readonly string[] | null;
  readonly keepAttributes?: boolean;
  readonly idmap?: string | null;
}

interface FileDevice {
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly denyWrite?: boolean;
}

interface FileFeatures {
  readonly nesting?: boolean;
  readonly keyctl?: boolean;
  readonly fuse?: boolean;
  readonly mknod?: boolean;
  readonly forceRwSys?: boolean;
  readonly mount?: readonly string[];
}

export interface FilePlacement {
  readonly strategy?: 'spread' | 'pack';
  readonly nodes?: string | readonly string[] | null;
  readonly antiAffinity?: string | readonly string[] | null;
}

interface FileCapacity {
  readonly memoryOvercommit?: number;
  readonly storageOvercommit?: number;
}

interface FileReset {
  readonly strategy?: DesiredReset['strategy'];
  readonly snapshot?: string;
}

export interface FileStartup {
  readonly order?: number;
  /** Seconds. */
  readonly up?: number;
  readonly down?: number;
}

interface FileSource {
  /** Key, host name, or vmid; a number is a vmid. */
  readonly clone?: string | number;
  readonly full?: boolean;
  readonly snapshot?: string;
  readonly backup?: string;
}

interface FileClass {
  readonly days?: string | readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly lead?: string;
  readonly before?: readonly ('snapshot' | 'reset')[];
  readonly after?: readonly ('snapshot' | 'reset')[];
  readonly keep?: number;
}

export interface FileTimedAction {
  readonly do?: 'start' | 'stop' | 'snapshot' | 'reset' | 'freeze';
  readonly days?: string | readonly string[];
  /** `18:00`, or once: `2026-11-23T18:00`. */
  readonly at?: string;
  readonly name?: string;
  readonly keep?: number;
  readonly stop?: boolean;
  readonly snapshot?: string;
}

/** `schedule`: spans of time as texts with a unit. */
export interface FileSchedule {
  readonly timezone?: string;
  readonly term?: { readonly from?: string; readonly to?: string } | null;
  readonly holidays?: readonly string[] | null;
  readonly classes?: readonly FileClass[] | null;
  readonly actions?: readonly FileTimedAction[] | null;
  readonly grace?: string;
  readonly wave?: number | null;
  readonly pause?: string | null;
  readonly expires?: string | null;
  readonly announce?: string;
  readonly onExpiry?: 'stop' | 'remove';
  readonly removeAfter?: string;
}

/** The same words in the domain; texts are checked by the schema. */
type FileFirewallRule = Omit<DesiredFirewallRule, 'enable'> & { readonly enable?: boolean };
export type FileFirewall = Omit<DesiredFirewall, 'rules'> & { readonly rules?: readonly FileFirewallRule[] };

interface FileCopy {
  readonly from?: string;
  readonly to?: string;
  /** Octal digits. */
  readonly mode?: string;
  readonly owner?: string;
}

interface FileService {
  readonly name?: string;
  readonly state?: 'running' | 'stopped';
  readonly enabled?: boolean;
}

/** A step of provisioning: one of `run`, `copy`, `packages` and `service`. */
export interface FileStep {
  readonly name?: string;
  readonly timeout?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly copy?: FileCopy;
  readonly packages?: string | readonly string[];
  readonly service?: FileService;
}

/** A check of readiness: one of its members. */
export interface FileCheck {
  readonly command?: string;
  readonly port?: number;
  readonly file?: string;
  readonly address?: string;
}

export interface FileReady {
  readonly timeout?: string;
  readonly checks?: readonly FileCheck[];
}

/** Keys of a container; the same ones in defaults and blueprints, but for `vmid`, `hostname`, `count` and `name`. */
export interface FileContainer {
  readonly blueprint?: string | readonly string[] | null;
  /** A number, `auto` or an expression of n. */
  readonly vmid?: number | string;
  readonly hostname?: string;
  readonly count?: number;
  readonly name?: string;
  readonly node?: string;
  readonly placement?: FilePlacement;
  readonly template?: string;
  readonly templateStorage?: string;
  readonly from?: FileSource | null;
  readonly isTemplate?: boolean;
  readonly unprivileged?: boolean;
  readonly cores?: number | null;
  readonly cpuLimit?: number | null;
  readonly cpuUnits?: number | null;
  readonly memory?: string;
  readonly swap?: string;
  readonly rootfs?: FileRootfs;
  readonly mounts?: Readonly<Record<string, FileMount | null>> | null;
  readonly nets?: Readonly<Record<string, FileNet | null>> | null;
  readonly devices?: Readonly<Record<string, FileDevice | null>> | null;
  readonly features?: FileFeatures | null;
  readonly onboot?: boolean;
  readonly protection?: boolean;
  readonly startup?: FileStartup | null;
  readonly nameserver?: string | readonly string[] | null;
  readonly searchDomain?: string | readonly string[] | null;
  readonly timezone?: string | null;
  readonly tags?: readonly string[] | null;
  readonly description?: string | null;
  readonly hookscript?: string | null;
  readonly cmode?: 'tty' | 'console' | 'shell' | null;
  readonly tty?: number | null;
  readonly console?: boolean;
  readonly debug?: boolean;
  readonly arch?: string;
  readonly ostype?: string;
  readonly entrypoint?: string | null;
  readonly env?: Readonly<Record<string, string | null>> | null;
  readonly pool?: string | null;
  readonly ha?: DesiredHa | null;
  readonly firewall?: FileFirewall;
  readonly power?: 'running' | 'stopped' | 'unmanaged';
  readonly reset?: FileReset | null;
  readonly provision?: readonly FileStep[] | null;
  readonly ready?: FileReady | null;
  readonly restart?: 'never' | 'ask' | 'always';
  readonly schedule?: FileSchedule | null;
  readonly adopt?: boolean;
  readonly renamedFrom?: string;
  readonly dependsOn?: string | readonly string[] | null;
  readonly sshKeys?: readonly string[] | null;
  readonly password?: string | null;
}

/** Keys of a group of students, and of one student beside the person. */
interface FileGroup extends FileContainer {
  readonly containers?: Readonly<Record<string, FileContainer | null>>;
}

/** `students.accounts`. */
export interface FileAccounts {
  readonly realm?: string;
  readonly user?: string;
  readonly create?: boolean;
  readonly pool?: string | null;
  readonly role?: string | { readonly name?: string; readonly privileges?: readonly string[] };
  readonly expire?: string;
  readonly enable?: boolean;
}

/** The section `students`. */
interface FileStudents extends FileGroup {
  readonly roster?: string | readonly unknown[] | Readonly<Record<string, unknown>>;
  readonly groups?: Readonly<Record<string, FileGroup | null>>;
  readonly accounts?: FileAccounts;
}

/** A whole fleet file. */
export interface FleetFile {
  readonly version: 1;
  readonly fleet: string;
  readonly vmids?: { readonly from: number; readonly to: number };
  readonly placement?: FilePlacement;
  readonly capacity?: FileCapacity;
  readonly schedule?: FileSchedule | null;
  readonly templates?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly defaults?: FileContainer;
  readonly blueprints?: Readonly<Record<string, FileContainer>>;
  readonly containers?: Readonly<Record<string, FileContainer>>;
  readonly students?: FileStudents;
}

/** Where `vmid: auto` takes its numbers when the file does not say. */
export const defaultVmids: { readonly from: number; readonly to: number } = { from: 100, to: 999 };
/** Most containers that one counted entry may stand for. */
export const maxCount = 10_000;
/** Most students of a roster. */
export const rosterLimit = 5_000;
/** Members of these maps can be dropped by `null` in a later layer. */
export const keyedMaps: readonly string[] = ['mounts', 'nets', 'devices', 'env'];
