/** What to do about an error: one instruction each. Pure text; the errors themselves are made in classify.ts. */
import type { ConflictKind } from './errors/conflict-error.ts';

/** Instructions by kind of conflict. */
export const conflictHints: Readonly<Record<ConflictKind, string | undefined>> = {
  exists: 'take another id or name, or look at what is there with: pvefleet list',
  digest: 'somebody changed the configuration meanwhile: plan again and look at the difference',
  locked:
    "wait until the operation that holds the lock is over; a lock that a crashed task left is removed on the node with 'pct unlock'",
  running: undefined,
  'not-running': undefined,
  protected: "remove the protection first (option 'protection')",
  'lock-timeout': 'another operation holds the lock; try again when it is over, or lower --parallel',
};

/** Instructions by situation. */
export const hints = {
  auth: 'check the token id and its secret (PVEFLEET_TOKEN_ID, PVEFLEET_TOKEN_SECRET), or the user and password, and that neither is expired or disabled',
  login: 'check the user name with its realm (user@pam, user@pve), the password and the TOTP code',
  quorum: "bring the missing nodes back first; 'pvecm status' on a node shows who is there",
  node: 'check the name of the node: it is the short name that Proxmox VE shows, not a DNS name or an address',
  unreachableNode:
    'the server that was asked cannot reach the node of this request: is it running, and is its name right?',
  maybeDone: 'the operation may still be running: look at the task list before repeating it',
  notImplemented: 'this Proxmox VE has no such call; its version may be too old for it',
  gateway: 'something between here and Proxmox VE answered; check the reverse proxy or load balancer',
  noApi: 'check host and port: Proxmox VE listens on https://HOST:8006',
  noWebsocket:
    'a reverse proxy or load balancer in between must pass websockets on; or use the URL of a node itself',
  redirect: 'use the https:// URL of the server',
  rootOnly: 'only root@pam with a password login may do this; no API token can, not even one of root@pam',
  ticketOnly: 'this call refuses API tokens: log in with a password (PVEFLEET_USERNAME, PVEFLEET_PASSWORD)',
  rights: 'ask an administrator; pvefleet doctor shows the rights of this account and how to grant them',
} as const;

/** What a 403 tells. */
export interface PermissionFacts {
  readonly privileges?: readonly string[];
  readonly object?: string;
  readonly hint: string;
}

/**
 * Reads the text of a 403.
 *
 * @param text - for example `Permission check failed (/vms/100, VM.Config.Disk|VM.Config.CPU)`.
 * @returns ACL path and privileges (one of them is enough) where the text has them, and what to do.
 */
export function explainPermission(text: string): PermissionFacts {
  const match =
    /^Permission check failed \((?<object>[^,()']*), (?<privileges>[A-Z][\w.]+(?:\|[A-Z][\w.]+)*)\b/.exec(
      text,
    );
  const { object, privileges } = match?.groups ?? {};
  if (privileges !== undefined) {
    const names = privileges.split('|');
    const path = object || undefined;
    const needed = names.length === 1 ? (names[0] as string) : `one of ${names.join(', ')}`;
    return {
      privileges: names,
      ...(path === undefined ? {} : { object: path }),
      hint: `the account needs ${needed}${path === undefined ? '' : ` on ${path}`}; pvefleet doctor shows its rights and how to grant more`,
    };
  }
  if (text.includes('not available with API token')) return { hint: hints.ticketOnly };
  if (text.includes('root@pam')) return { hint: hints.rootOnly };
  return { hint: hints.rights };
}
