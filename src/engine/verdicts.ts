/**
 * What each error text of Proxmox VE means for a run: the one table. The first row that fits decides. Knows nothing of
 * actions; what is done about a verdict is in carry-out.ts.
 *
 * Sources: contract behaviours §1, §3, §5, §6, §9, lxc-endpoints §A to §E and §I to §K, transport-auth §5.
 */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { TaskFailedError } from '../api/errors/task-error.ts';
import { messageOf } from '../util/errors.ts';

/**
 * `repeat`: nothing happened, and sending it again may succeed at once. `wait`: nothing happened, and somebody holds what
 * is needed for a while. `look`: it may have happened; find out first. `done`: the server is there already. `replan`:
 * something is not as the plan says. `stop`: nothing else can succeed either. `give-up`: a person has to do something.
 */
export type Verdict = 'repeat' | 'wait' | 'look' | 'done' | 'replan' | 'stop' | 'give-up';

interface Row {
  readonly text: RegExp;
  readonly verdict: Verdict;
  /** What to do about it; absent: what the error says itself. */
  readonly hint?: string;
}

const hints = {
  quorum: 'bring enough nodes back (pvecm status), then apply again',
  lock: "wait for the job that holds the lock; one left behind by a crash is removed with 'pct unlock VMID' on the node",
  moved: 'it was removed or has moved to another node; make a new plan',
  changed: 'somebody changed the container since it was planned; make a new plan',
  replan: 'make a new plan',
  space: 'free space on the storage, or choose another one',
  template: 'download the template again, or make a new plan',
  bridge: 'create the bridge on the node, or write another one',
  protection: 'switch the protection of the container off first (protection: false)',
  log: 'look at the log of the task; when its cause is removed, apply again',
  hotplug: 'parts of it may be in force; make a new plan to see what is left',
  ha: 'remove it from HA or the replication first',
} as const;

const rows: readonly Row[] = [
  // the whole cluster (behaviours §9, lxc-endpoints §A)
  { text: /no quorum/, verdict: 'stop', hint: hints.quorum },
  // the file system with the configurations is read-only without a majority
  { text: /unable to open file '\/etc\/pve\/.*Permission denied/, verdict: 'stop', hint: hints.quorum },

  // locks: of the config, of a storage, of the cluster (behaviours §1, §9)
  {
    text: /CT is locked \((?:backup|create|disk|fstrim|migrate|mounted|rollback|snapshot|snapshot-delete)\)/,
    verdict: 'wait',
    hint: hints.lock,
  },
  { text: /CT is locked \(/, verdict: 'give-up', hint: hints.lock },
  { text: /can't lock file|got timeout/, verdict: 'wait', hint: hints.lock },
  { text: /got lock request timeout/, verdict: 'wait', hint: hints.lock },
  { text: /-locked command timed out/, verdict: 'wait', hint: hints.lock },
  { text: /Failed to obtain guest migration lock/, verdict: 'wait', hint: hints.lock },

  // there already (lxc-endpoints §B, §C)
  { text: /(?:CT|VM) \d+ already running/, verdict: 'done' },
  { text: /(?:CT|VM) \d+ not running/, verdict: 'done' },
  { text: /disk is already at specified size/, verdict: 'done' },
  { text: /is already a pool member|is not a pool member/, verdict: 'done' },
  { text: /refusing to override existing file/, verdict: 'done' },
  { text: /convert a template to a template/, verdict: 'done' },
  { text: /no such (?:ha )?resource/, verdict: 'done' },
  // users, pools and roles (lxc-endpoints §J, transport-auth §8)
  { text: /(?:pool|role) '[^']*' already exists/, verdict: 'done' },
  { text: /(?:delete pool|delete role) failed: .*does not exist/, verdict: 'done' },
  { text: /no such user/, verdict: 'done' },

  // not as the plan says
  { text: /^detected modified configuration/, verdict: 'replan', hint: hints.changed },
  { text: /Configuration file '[^']*' does not exist/, verdict: 'replan', hint: hints.moved },
  { text: /could not find CT \d+/, verdict: 'replan', hint: hints.moved },
  {
    text: /(?:CT|VM) \d+ already exists/,
    verdict: 'replan',
    hint: 'choose another vmid, or write vmid: auto',
  },
  {
    text: /user '[^']*' already exists/,
    verdict: 'replan',
    hint: 'somebody else made that user; make a new plan',
  },
  { text: /pool '[^']*' is not empty/, verdict: 'replan', hint: hints.replan },
  { text: /belongs already to pool/, verdict: 'replan', hint: hints.replan },
  { text: /container is running|running container/, verdict: 'replan', hint: hints.replan },
  { text: /unexpected state change/, verdict: 'replan', hint: hints.replan },
  { text: /volume '[^']*' does not exist/, verdict: 'replan', hint: hints.template },
  { text: /no such template/, verdict: 'replan', hint: hints.template },
  { text: /snapshot '[^']*' does not exist/, verdict: 'replan', hint: hints.replan },
  { text: /snapshot name '[^']*' already used/, verdict: 'replan', hint: hints.replan },
  { text: /is already in use for container/, verdict: 'replan', hint: hints.replan },
  { text: /unable to (?:hotplug|apply pending change)/, verdict: 'replan', hint: hints.hotplug },
  { text: /^unexpected status$/, verdict: 'replan', hint: hints.replan },
  { text: /received interrupt/, verdict: 'replan', hint: 'somebody stopped the task; make a new plan' },

  // what a person has to do something about
  { text: /protection mode enabled/, verdict: 'give-up', hint: hints.protection },
  {
    text: /not enough free space|out of space|No space left on device/i,
    verdict: 'give-up',
    hint: hints.space,
  },
  {
    text: /bridge '[^']*' does not exist|interface \S+ does not exist/,
    verdict: 'give-up',
    hint: hints.bridge,
  },
  { text: /used in HA resources|There is a replication job/, verdict: 'give-up', hint: hints.ha },
  { text: /still in use by linked clones/, verdict: 'give-up', hint: 'remove the clones first' },
  { text: /unable to shrink disk size/, verdict: 'give-up' },
  {
    text: /unable to detect OS distribution/,
    verdict: 'give-up',
    hint: 'is the template one for containers?',
  },
  { text: /unable to (?:delete required|delete read-only|modify read-only) option/, verdict: 'give-up' },
  {
    text: /storage '[^']*' (?:does not|is disabled|is not available|is not configured)/,
    verdict: 'give-up',
    hint: 'check the storage, or choose another one',
  },
  { text: /(?:Linked clone|snapshot) feature/, verdict: 'give-up', hint: 'choose another storage' },
  { text: /container did not stop/, verdict: 'give-up', hint: 'stop it hard: pvefleet stop' },
  {
    text: /startup for container '\d+' failed|command '.*' failed: exit code/,
    verdict: 'give-up',
    hint: hints.log,
  },
];

/** What the status says where the text says nothing: a proxy in between, or a node that cannot be reached. */
const statuses: Readonly<Record<number, Verdict>> = {
  401: 'stop',
  502: 'look',
  503: 'look',
  504: 'look',
};

/** The server's own words of a failure, without ours around them. */
export function reasonOf(error: unknown): string {
  if (error instanceof PveError) return error.reason;
  if (error instanceof TaskFailedError) return error.exitStatus;
  return messageOf(error);
}

/** A verdict and what to do about it. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly hint?: string;
}

const giveUp: Judgement = { verdict: 'give-up' };

/**
 * Judges a refused request or a failed task.
 *
 * @param error - anything thrown.
 * @returns what to do; errors that are not the server's are given up.
 */
export function judge(error: unknown): Judgement {
  if (error instanceof PveConnectionError) return { verdict: error.sent === 'no' ? 'repeat' : 'look' };
  if (!(error instanceof PveError || error instanceof TaskFailedError)) return giveUp;
  const reason = reasonOf(error);
  const row = rows.find(({ text }) => text.test(reason));
  if (row) return { verdict: row.verdict, ...(row.hint === undefined ? {} : { hint: row.hint }) };
  const status = error instanceof PveError ? error.status : undefined;
  return { verdict: (status === undefined ? undefined : statuses[status]) ?? 'give-up' };
}
