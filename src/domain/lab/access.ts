/** Users, pools, roles and rights of the cluster, and changes of them as data. Types, and the mark by which a fleet knows its own. */
import type { ApiRequest } from '../../schema/request.ts';
import type { Diagnostic } from '../../util/diagnostic.ts';
import type { ContainerKey, Vmid } from '../desired.ts';
import type { AccountKind, FieldChange, Refusal, Risk } from '../plan.ts';

/** A row of GET /access/users. */
export interface ActualUser {
  readonly userid: string;
  readonly comment?: string;
  readonly email?: string;
  readonly firstname?: string;
  readonly lastname?: string;
  readonly enable: boolean;
  /** Seconds since 1970; 0: never. */
  readonly expire: number;
}

/** A pool with its members. */
export interface ActualPool {
  readonly poolid: string;
  readonly comment?: string;
  readonly vmids: readonly Vmid[];
  readonly storages: readonly string[];
}

/** A row of GET /access/roles. */
interface ActualRole {
  readonly roleid: string;
  readonly privileges: readonly string[];
  /** Comes with Proxmox VE and cannot be changed. */
  readonly isBuiltIn: boolean;
}

/** A row of GET /access/acl. */
export interface ActualAcl {
  readonly path: string;
  readonly type: 'user' | 'group' | 'token';
  readonly ugid: string;
  readonly roleid: string;
  readonly propagate: boolean;
}

/** What there is. */
export interface ActualAccess {
  readonly users: readonly ActualUser[];
  readonly pools: readonly ActualPool[];
  readonly roles: readonly ActualRole[];
  readonly acls: readonly ActualAcl[];
  /** Names of the realms, when they are known. */
  readonly realms?: readonly string[];
}

/** A container that the fleet owns, or is about to create. */
export interface OwnContainer {
  readonly key: ContainerKey;
  readonly vmid: Vmid;
  /** It will be destroyed. */
  readonly leaves: boolean;
  /** It is made anew under the same id; PVE: rights on it vanish with the old one. */
  readonly isMadeAnew?: true;
}

/** One request about accounts. None of them answers with a task. */
export interface AccountChange {
  /** Stable and readable: `user/anna@pve/create`. */
  readonly id: string;
  readonly kind: AccountKind;
  /** User, pool, role or path. */
  readonly target: string;
  /** Login; absent where it is about all. */
  readonly student?: string;
  readonly request: ApiRequest;
  readonly changes: readonly FieldChange[];
  readonly risk: Risk;
  readonly reason: string;
  readonly dependsOn: readonly string[];
  /** Before the containers are changed (they are created in their pools), or after it. */
  readonly phase: 'before' | 'after';
}

/** What is to be done about accounts; with refusals nothing is. */
export interface AccountPlan {
  /** In an order in which they can be carried out, within each phase. */
  readonly changes: readonly AccountChange[];
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

/** What a mark says. */
export interface Mark {
  readonly fleet: string;
  /** Absent: of the whole fleet. */
  readonly student?: string;
}

const mark = /(?:^|\s)pvefleet fleet=(\S+?)(?: student=(\S+?))?(?=\s|$)/;

/**
 * Reads the mark of a fleet in the comment of a user or a pool.
 *
 * @param comment - as the server has it; people may have written beside the mark.
 * @returns whose it is, or undefined when it is nobody's.
 */
export function readMark(comment: string | undefined): Mark | undefined {
  const [, fleet, student] = mark.exec(comment ?? '') ?? [];
  return fleet === undefined ? undefined : { fleet, ...(student === undefined ? {} : { student }) };
}

/**
 * Writes a mark into a comment.
 *
 * @param owner - logins and names of fleets have no blanks.
 * @param comment - what people wrote stays; an older mark is replaced.
 * @returns the comment.
 */
export function writeMark({ fleet, student }: Mark, comment = ''): string {
  const text = `pvefleet fleet=${fleet}${student === undefined ? '' : ` student=${student}`}`;
  const rest = comment.replace(mark, '').trim();
  return rest === '' ? text : `${rest} ${text}`;
}
