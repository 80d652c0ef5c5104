/**
 * Shells inside containers for the time of one apply: opened when an action first needs one, kept for those of the same
 * container that follow, given back when nothing follows any more.
 */
import { PveConnectionError } from '../api/errors/connection-error.ts';
import { openConsole } from '../console/open-console.ts';
import { createShell, type Shell } from '../console/shell.ts';
import type { ActionKind, Plan } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';

/** The shells of one apply. */
export interface Shells {
  /**
   * The shell of a container.
   *
   * @param id - of the action, for events.
   */
  of(id: string, node: string, vmid: number): Shell;
  /**
   * An action has ended; when none follows it before its container goes down, the shell is given back.
   *
   * @param id - of the action.
   * @param isLast - none follows it, whatever was planned.
   */
  ended(id: string, vmid: number, isLast: boolean): Promise<void>;
  /** Gives all back. */
  close(): Promise<void>;
}

/**
 * Makes the shell of a container; opens nothing yet.
 *
 * @param context - client, clock, signals, events.
 * @param place - the container.
 * @param id - of the action that events are about.
 * @returns the shell. It waits for some time for others to leave the console.
 */
function shellOf(
  context: EngineContext,
  place: { readonly node: string; readonly vmid: number },
  id: () => string,
): Shell {
  const { pve, clock, signal, random } = context;
  let attempt = 0;
  const shell = createShell({
    open: () => openConsole(pve, { ...place, clock, signal, staysOpen: true }),
    mayReopen: (error) => error instanceof PveConnectionError,
    clock,
    signal,
    random,
    onWait: (because, inMs) => {
      attempt += 1;
      context.emit({ type: 'retry', id: id(), attempt, inMs, because });
    },
  });
  shell.insist();
  return shell;
}

interface Held {
  readonly shell: Shell;
  /** The action that it is used for now. */
  id: string;
}

/** Actions between which no console stays open. */
const breaks: ReadonlySet<ActionKind> = new Set([
  'container.start',
  'container.reboot',
  'container.shutdown',
  'container.stop',
  'container.migrate',
  'snapshot.rollback',
]);

/** The actions inside containers after which nothing more is done in the same console. */
function lastOnes({ actions }: Plan): ReadonlySet<string> {
  const open = new Map<string, string>();
  const last = new Set<string>();
  for (const { id, kind, inside, target } of actions) {
    if (inside) open.set(target.key, id);
    else if (breaks.has(kind)) {
      last.add(open.get(target.key) ?? id);
      open.delete(target.key);
    }
  }
  return new Set([...last, ...open.values()]);
}

/**
 * Starts without any.
 *
 * @param context - client, clock, signals, events.
 * @param plan - tells which actions there are inside each container.
 * @returns the shells.
 */
export function createShells(context: EngineContext, plan: Plan): Shells {
  const open = new Map<number, Held>();
  const last = lastOnes(plan);
  const close = async (vmid: number): Promise<void> => {
    const held = open.get(vmid);
    open.delete(vmid);
    await held?.shell.close();
  };
  return {
    of: (id, node, vmid) => {
      const known = open.get(vmid);
      if (known) {
        known.id = id;
        return known.shell;
      }
      const held: Held = { shell: shellOf(context, { node, vmid }, () => held.id), id };
      open.set(vmid, held);
      return held.shell;
    },
    ended: async (id, vmid, isLast) => {
      if (isLast || last.has(id)) await close(vmid);
    },
    close: async () => {
      await Promise.all([...open.keys()].map(close));
    },
  };
}
