/**
 * Task identifiers: `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hex.
 * Source: PVE/UPID.pm of pve-common; pstart has 8 or 9 digits and the id may be empty.
 */

/** A task identifier, taken apart. */
export interface Upid {
  /** Node that runs the task and keeps its log. */
  readonly node: string;
  readonly pid: number;
  /** Start of the process in clock ticks since the node's boot. */
  readonly pstart: number;
  /** Start of the task in seconds since the epoch. */
  readonly starttime: number;
  /** Kind of task, for example `vzcreate`. */
  readonly type: string;
  /** What it works on, often a VMID; may be empty. */
  readonly id: string;
  /** `user@realm` or `user@realm!token`. */
  readonly user: string;
}

const pattern =
  /^UPID:(?<node>[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):(?<pid>[0-9A-Fa-f]{8}):(?<pstart>[0-9A-Fa-f]{8,9}):(?<starttime>[0-9A-Fa-f]{8}):(?<type>[^:\s/]+):(?<id>[^:\s/]*):(?<user>[^:\s/]+):$/;

/**
 * Takes a task identifier apart.
 *
 * @param text - any text.
 * @returns its parts, or `undefined` when the text is no task identifier.
 */
export function parseUpid(text: string): Upid | undefined {
  const groups = pattern.exec(text)?.groups as
    | Readonly<Record<'node' | 'pid' | 'pstart' | 'starttime' | 'type' | 'id' | 'user', string>>
    | undefined;
  if (!groups) return undefined;
  return {
    node: groups.node,
    pid: Number.parseInt(groups.pid, 16),
    pstart: Number.parseInt(groups.pstart, 16),
    starttime: Number.parseInt(groups.starttime, 16),
    type: groups.type,
    id: groups.id,
    user: groups.user,
  };
}

/**
 * Recognises task identifiers among results.
 *
 * @param value - anything that an operation returned.
 * @returns whether it is the identifier of a task.
 */
export function isUpid(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}
