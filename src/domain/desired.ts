/**
 * What the fleet file asks for, after defaults, blueprints and expansion. Pure data.
 * A member that is absent is not managed; `null` means "must be unset"; a list or map that is present is authoritative.
 */
import type { SecretPlaceholder } from '../schema/request.ts';
import type { SourceRange } from '../util/diagnostic.ts';
import type { DesiredSchedule } from './lab/schedule.ts';
import type { TemplateLock, TemplateSource } from './template-source.ts';

/** Unique name of a container within its fleet. */
export type ContainerKey = string;
/** Container id, 100–999999999; shared by containers and virtual machines of the whole cluster. */
export type Vmid = number;

/** Addresses to choose from when planning: a container keeps the one it has, a new one gets the first that is free. */
export interface AddressPool {
  /** `10.1.0.10-10.1.0.99` or `10.1.0.0/24`, both ends inclusive. */
  readonly range: string;
  /** Prefix length that the chosen address gets. */
  readonly prefix: number;
  /** Addresses, ranges and networks that are never chosen. */
  readonly exclude?: readonly string[];
}

/** A network interface of a container; its name inside the container (`eth0`) is the key of the map it stands in. */
export interface DesiredNet {
  readonly bridge: string;
  /** `dhcp`, `manual` or an address with prefix length, `10.0.0.5/24`. */
  readonly ip?: string | null;
  /** Where `ip` is chosen from; domain/lab/addresses.ts fills it in. */
  readonly ipPool?: AddressPool;
  readonly gateway?: string | null;
  /** `auto`, `dhcp`, `manual` or an address with prefix length. */
  readonly ip6?: string | null;
  readonly ip6Pool?: AddressPool;
  readonly gateway6?: string | null;
  /** MAC address; absent: kept as it is, chosen by the server at creation. */
  readonly mac?: string;
  readonly vlan?: number | null;
  readonly trunks?: readonly number[] | null;
  readonly mtu?: number | null;
  /** MB/s. */
  readonly rateMBps?: number | null;
  readonly firewall?: boolean;
  readonly linkDown?: boolean;
  readonly hostManaged?: boolean;
}

/** A mount point; its path inside the container is the key of the map it stands in. */
export interface DesiredMount {
  /** New volume on this storage … */
  readonly storage?: string;
  /** … of this size. An existing volume grows to it. */
  readonly sizeBytes?: number;
  /** Or: an existing volume id, a host directory or a device (the latter two need root@pam). */
  readonly source?: string;
  readonly backup?: boolean;
  readonly readOnly?: boolean;
  readonly acl?: boolean | null;
  readonly quota?: boolean;
  readonly replicate?: boolean;
  readonly shared?: boolean;
  readonly options?: readonly string[] | null;
  /** Keep owner and mode of the directory that it is mounted on. */
  readonly keepAttributes?: boolean;
  /** `passthrough`, or mappings such as `u:0:100000:65536;g:0:100000:65536`. */
  readonly idmap?: string | null;
}

/** Root disk. */
export interface DesiredRootfs {
  readonly storage?: string;
  readonly sizeBytes?: number;
  readonly acl?: boolean | null;
  readonly quota?: boolean;
  readonly replicate?: boolean;
  readonly readOnly?: boolean;
  readonly options?: readonly string[] | null;
  readonly shared?: boolean;
  readonly idmap?: string | null;
}

/** Feature flags; a flag that is absent is off when `features` is present. */
export interface DesiredFeatures {
  readonly nesting?: boolean;
  readonly keyctl?: boolean;
  readonly fuse?: boolean;
  readonly mknod?: boolean;
  readonly forceRwSys?: boolean;
  readonly mount?: readonly string[];
}

/** Limits. */
interface DesiredCompute {
  readonly cores?: number | null;
  /** CPUs' worth of time; 0 or null: unlimited. */
  readonly cpuLimit?: number | null;
  readonly cpuUnits?: number | null;
  readonly memoryMiB?: number;
  readonly swapMiB?: number;
}

/** Start order and delays. */
interface DesiredStartup {
  readonly order?: number;
  readonly upSeconds?: number;
  readonly downSeconds?: number;
}

/** A device of the host passed through; root@pam only. Path is the key of the map it stands in. */
export interface DesiredDevice {
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly denyWrite?: boolean;
}

/** Plain options; names follow the API where they have no unit. */
export interface DesiredOptions {
  readonly onboot?: boolean;
  readonly protection?: boolean;
  readonly startup?: DesiredStartup | null;
  readonly nameservers?: readonly string[] | null;
  readonly searchDomains?: readonly string[] | null;
  readonly timezone?: string | null;
  /** Without the ownership tag, which is always added. */
  readonly tags?: readonly string[] | null;
  /** Without the ownership line, which is always added. */
  readonly description?: string | null;
  readonly hookscript?: string | null;
  readonly cmode?: 'tty' | 'console' | 'shell' | null;
  readonly tty?: number | null;
  readonly console?: boolean;
  readonly debug?: boolean;
  readonly arch?: string;
  readonly ostype?: string;
  readonly entrypoint?: string | null;
  readonly env?: Readonly<Record<string, string>> | null;
}

/** First access; write-only: used at creation, never compared. */
export interface DesiredAccess {
  readonly sshKeys?: readonly string[];
  readonly password?: SecretPlaceholder;
}

/** How a node is chosen for a new container whose node is `auto`. */
export interface DesiredPlacement {
  /** `spread`: the emptiest node first; `pack`: the fullest one that still has room. */
  readonly strategy: 'spread' | 'pack';
  /** Nodes to choose from; absent: all. */
  readonly nodes?: readonly string[];
  /** Groups whose members are kept on different nodes as far as there are enough. */
  readonly antiAffinity?: readonly string[];
}

/** How far what is promised may go beyond what is there. A factor that is absent warns instead of refusing. */
export interface DesiredCapacity {
  /** Sum of memory limits on a node, as a multiple of its memory. */
  readonly memoryOvercommit?: number;
  /** New volumes on a thin or sparse storage, as a multiple of its free space. */
  readonly storageOvercommit?: number;
}

/** What a container is made from, instead of a template archive; used at creation only. */
export type DesiredSource =
  | {
      /** Key of this fleet, host name or vmid. */
      readonly clone: string;
      /** Absent: a linked clone where the source is a template and its storage can do it, else a full one. */
      readonly full?: boolean;
      /** Snapshot of the source to start from. */
      readonly snapshot?: string;
    }
  | {
      /** Volume id of a backup, `storage:backup/vzdump-lxc-…`. */
      readonly backup: string;
    };

/** What the HA manager is told about a container. */
export interface DesiredHa {
  /** Absent: as `power` says. */
  readonly state?: 'started' | 'stopped' | 'disabled' | 'ignored';
  readonly maxRestart?: number | null;
  readonly maxRelocate?: number | null;
  readonly failback?: boolean;
  readonly comment?: string | null;
}

/** A rule of a container's firewall. */
export interface DesiredFirewallRule {
  readonly type: 'in' | 'out' | 'forward' | 'group';
  /** `ACCEPT`, `DROP`, `REJECT`, or the name of a security group. */
  readonly action: string;
  readonly enable: boolean;
  readonly macro?: string;
  readonly proto?: string;
  readonly source?: string;
  readonly dest?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly icmpType?: string;
  /** Key of the interface, `net0`. */
  readonly iface?: string;
  readonly log?: string;
  readonly comment?: string;
}

/** Firewall of a container. Null means the server's default. */
export interface DesiredFirewall {
  readonly enable?: boolean;
  readonly dhcp?: boolean;
  readonly ndp?: boolean;
  readonly radv?: boolean;
  readonly ipFilter?: boolean;
  readonly macFilter?: boolean;
  readonly policyIn?: 'ACCEPT' | 'DROP' | 'REJECT' | null;
  readonly policyOut?: 'ACCEPT' | 'DROP' | 'REJECT' | null;
  readonly logLevelIn?: string | null;
  readonly logLevelOut?: string | null;
  /** In this order; those that are not named are removed. */
  readonly rules?: readonly DesiredFirewallRule[];
}

/** How a container is set back to its baseline. */
export interface DesiredReset {
  /** `auto`: by what storage, snapshots and mounts allow, the cheapest first. */
  readonly strategy: 'auto' | 'rollback' | 'reclone' | 'rebuild';
  /** Name of the snapshot that is taken after the first successful start. */
  readonly snapshot: string;
}

/** What a file means that says nothing about resets. */
export const defaultReset: DesiredReset = { strategy: 'auto', snapshot: 'baseline' };

/** One container of the fleet. */
export interface DesiredContainer {
  readonly key: ContainerKey;
  readonly hostname: string;
  readonly vmid: Vmid | 'auto';
  /** Name of a node, or `auto`: chosen at creation by `placement`, and kept. */
  readonly node: string;
  readonly placement?: DesiredPlacement;
  /**
   * Catalogue alias (`debian-13`), package or file name pattern, or a volume id `storage:vztmpl/file`. Empty when `from`
   * says what it is made from.
   */
  readonly template: string;
  /** The template as the file writes it, where that is an alias; the key of `templates.lock`. Never part of a digest. */
  readonly templateName?: string;
  readonly from?: DesiredSource;
  /** Turned into a template after its creation, which cannot be undone; a template never runs. */
  readonly isTemplate?: boolean;
  /** Storage that templates are downloaded to; absent: the first one of the node that takes templates. */
  readonly templateStorage?: string;
  readonly unprivileged: boolean;
  readonly compute: DesiredCompute;
  readonly rootfs: DesiredRootfs;
  readonly mounts?: Readonly<Record<string, DesiredMount>>;
  readonly nets?: Readonly<Record<string, DesiredNet>>;
  readonly devices?: Readonly<Record<string, DesiredDevice>>;
  readonly features?: DesiredFeatures | null;
  readonly options: DesiredOptions;
  /** Null: in no pool. */
  readonly pool?: string | null;
  /** Null: not managed by HA. */
  readonly ha?: DesiredHa | null;
  readonly firewall?: DesiredFirewall;
  readonly power: 'running' | 'stopped' | 'unmanaged';
  /** Absent: no baseline is taken; a reset does what it can. */
  readonly reset?: DesiredReset;
  /** When it runs, what is done at which time, and when it ends. */
  readonly schedule?: DesiredSchedule;
  readonly access?: DesiredAccess;
  /** Take over an existing container of this vmid that has no owner. */
  readonly adopt: boolean;
  /** Key that it had in the file before; its container is taken over under the new one. */
  readonly renamedFrom?: ContainerKey;
  /** Containers that must be up first. */
  readonly dependsOn?: readonly ContainerKey[];
  /** May it be restarted when a change needs it? `ask`: only with `--allow restart`. */
  readonly restart: 'never' | 'ask' | 'always';
  /** Login of the student whose container it is; written into the ownership line. */
  readonly student?: string;
  /** Group of that student; shown as a tag (domain/lab/groups.ts). */
  readonly group?: string;
  /** Digest of the container as the file has it; only where values were chosen for it when planning. */
  readonly fileDigest?: string;
  /** Where it stands in the file; for messages only, never part of a digest. */
  readonly origin?: SourceRange;
}

/** A person of the roster. */
export interface DesiredStudent {
  /** Unique within the fleet, whatever happens to the rest of the roster. */
  readonly login: string;
  readonly name: string;
  readonly group?: string;
  readonly email?: string;
  /** Stands for `{n}`; only where the roster gives one. */
  readonly number?: number;
  /** In the order of the file. */
  readonly containers: readonly ContainerKey[];
  /** Present when the fleet has accounts. */
  readonly account?: DesiredAccount;
  readonly origin?: SourceRange;
}

/** Who a student is to Proxmox VE. */
export interface DesiredAccount {
  /** `anna@pve`. */
  readonly userid: string;
  /** Pool of the own containers; absent: rights are granted on each container. */
  readonly pool?: string;
}

/** How students get at their containers. */
export interface DesiredAccounts {
  readonly realm: string;
  /** Create the users; false: they are there, and nothing about them is changed. */
  readonly create: boolean;
  /** Where passwords come from; `realm`: not our business. */
  readonly passwords: 'generated' | 'realm';
  /** Without privileges: a role that is there, and is not changed. */
  readonly role: { readonly name: string; readonly privileges?: readonly string[] };
  /** When the accounts end, seconds since 1970. */
  readonly expire?: number;
  /** May they log in; absent: not managed. */
  readonly enable?: boolean;
}

/** What a short template name such as `debian-13` stands for; from templates/catalog.yaml. */
export interface TemplateAlias {
  /** Glob over package names or file names of the appliance catalogue. */
  readonly pattern: string;
  readonly section?: string;
  readonly architecture?: string;
}

/** The whole file. */
export interface DesiredFleet {
  readonly name: string;
  /** Range for `vmid: auto`, both ends inclusive. */
  readonly vmids: { readonly from: Vmid; readonly to: Vmid };
  readonly containers: readonly DesiredContainer[];
  readonly capacity?: DesiredCapacity;
  /** In the order of the roster. */
  readonly students?: readonly DesiredStudent[];
  readonly accounts?: DesiredAccounts;
  /** Short names of templates. */
  readonly aliases?: Readonly<Record<string, TemplateAlias>>;
  /** Own templates by the file name of their archive, which is what `template` of a container holds. */
  readonly sources?: Readonly<Record<string, TemplateSource>>;
  /** What `templates.lock` pins; absent: there is no such file. */
  readonly lock?: TemplateLock;
}
