/** Folds engine events into what is going on now; the live and the plain renderer show the same state differently. */
import type { StampedEvent } from '../engine/events.ts';
import type { ActionResult } from '../engine/report.ts';

/** A step that is under way. */
export interface ActiveStep {
  readonly id: string;
  readonly label: string;
  readonly startedAtMs: number;
  percent?: number;
  lastLine?: string;
}

/** What a run has done so far. */
export interface Progress {
  readonly active: Map<string, ActiveStep>;
  total: number;
  done: number;
  observing?: { done: number; total: number };
}

const kindWords: Readonly<Record<string, string>> = {
  'role.create': 'create role',
  'role.update': 'change role',
  'role.delete': 'remove role',
  'user.create': 'create account',
  'user.update': 'change account',
  'user.password': 'set password',
  'user.delete': 'remove account',
  'pool.create': 'create pool',
  'pool.update': 'change pool',
  'pool.remove-member': 'empty pool',
  'pool.delete': 'remove pool',
  'acl.grant': 'grant rights',
  'acl.revoke': 'revoke rights',
  'template.download': 'download',
  'template.upload': 'upload',
  'template.delete': 'delete template',
  'container.create': 'create',
  'container.configure': 'configure',
  'container.resize-disk': 'grow disk',
  'container.start': 'start',
  'container.shutdown': 'shut down',
  'container.stop': 'stop',
  'container.reboot': 'restart',
  'container.destroy': 'destroy',
  'container.exec': 'run in',
  'container.copy-in': 'copy to',
  'container.copy-out': 'copy from',
  'container.clone': 'clone',
  'container.restore': 'restore',
  'container.template': 'make a template of',
  'container.migrate': 'migrate',
  'container.move-volume': 'move disk',
  'container.provision': 'provision',
  'container.ready': 'wait for',
  'snapshot.create': 'snapshot',
  'snapshot.rollback': 'roll back',
  'snapshot.delete': 'delete snapshot',
  'ha.add': 'add to HA',
  'ha.update': 'HA settings',
  'ha.remove': 'take out of HA',
  'firewall.options': 'firewall',
  'firewall.rule': 'firewall',
  'access.acl': 'rights of',
};

/** Words for an action's result. */
export const resultWords: Readonly<Record<ActionResult, string>> = {
  ok: 'done',
  warnings: 'done with warnings',
  unchanged: 'nothing to do',
  diverged: 'not as planned',
  failed: 'failed',
  skipped: 'skipped',
  indeterminate: 'unknown outcome',
};

/**
 * Starts an empty state.
 *
 * @returns the state that {@link advance} changes.
 */
export function createProgress(): Progress {
  return { active: new Map(), total: 0, done: 0 };
}

/**
 * Takes one event into account.
 *
 * @param progress - state, changed in place.
 * @param event - the event.
 */
export function advance(progress: Progress, event: StampedEvent): void {
  switch (event.type) {
    case 'observe.progress':
      progress.observing = { done: event.done, total: event.total };
      break;
    case 'observe.done':
      delete progress.observing;
      break;
    case 'plan.ready':
      progress.total = event.plan.actions.length;
      progress.done = 0;
      break;
    case 'action.start': {
      const where = event.kind.startsWith('template.')
        ? `${event.key} on ${event.node}`
        : `${event.key}${event.vmid === undefined ? '' : ` (${event.vmid})`}${event.node === '' ? '' : ` on ${event.node}`}`;
      progress.active.set(event.id, {
        id: event.id,
        label: `${kindWords[event.kind] ?? event.kind} ${where}${event.detail === undefined ? '' : `: ${event.detail}`}`,
        startedAtMs: Date.parse(event.at),
      });
      break;
    }
    case 'task.progress': {
      const step = progress.active.get(event.id);
      if (step) step.percent = event.percent;
      break;
    }
    case 'task.log': {
      const step = progress.active.get(event.id);
      if (step) step.lastLine = event.line;
      break;
    }
    case 'action.done':
      progress.active.delete(event.id);
      progress.done += 1;
      break;
    default:
      break;
  }
}
