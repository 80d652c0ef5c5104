/**
 * Ctrl-C in three stages. While a plan is carried out: first finish what runs, then stop waiting, then leave at once.
 * Everywhere else nothing is half done, so the first one stops waiting and the second one leaves.
 */
import { CancelledError } from '../engine/errors.ts';
import type { Host } from './host.ts';

/** The signals of a run. */
export interface Interrupts {
  /** Aborted: start nothing new. */
  readonly drain: AbortSignal;
  /** Aborted: stop waiting; its reason is a CancelledError. */
  readonly signal: AbortSignal;
  /** Marks the time in which changes are under way. */
  whileApplying<T>(work: () => Promise<T>): Promise<T>;
  /** Called at each stage while changes are under way. */
  onStage(listener: (stage: 'draining' | 'detached') => void): void;
  /** Removes the signal handlers. */
  dispose(): void;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP.
 *
 * @param host - where the signals come from.
 * @returns the abort signals of the run.
 */
export function createInterrupts(host: Pick<Host, 'onSignal' | 'exit'>): Interrupts {
  const drain = new AbortController();
  const detach = new AbortController();
  const listeners: ((stage: 'draining' | 'detached') => void)[] = [];
  let applying = false;

  const interrupt = (): void => {
    if (detach.signal.aborted) {
      host.exit(130);
      return;
    }
    const stage = applying && !drain.signal.aborted ? 'draining' : 'detached';
    if (applying) for (const listener of listeners) listener(stage);
    drain.abort(new CancelledError('draining'));
    if (stage === 'detached') detach.abort(new CancelledError('detached'));
  };
  const removers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => host.onSignal(name, interrupt));

  return {
    drain: drain.signal,
    signal: detach.signal,
    async whileApplying(work) {
      applying = true;
      try {
        return await work();
      } finally {
        applying = false;
      }
    },
    onStage: (listener) => {
      listeners.push(listener);
    },
    dispose: () => {
      for (const remove of removers) remove();
    },
  };
}
