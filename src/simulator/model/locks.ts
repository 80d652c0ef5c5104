/**
 * Named locks of the simulated node: first come, first served, with time-outs on the simulated clock.
 * They are not part of the saved state: like the real flocks they die with the processes that hold them.
 */
import type { Clock } from '../../util/clock.ts';
import { type LockOptions, SimError } from '../context.ts';

export interface Locks {
  /**
   * Runs `work` while holding a lock.
   *
   * @param name - a path for the node's own file locks, anything else for the cluster's.
   * @param timeoutMs - how long to wait for it, in simulated ms; 0 asks once.
   * @throws SimError 500 when it was not got in time.
   */
  run<T>(name: string, timeoutMs: number, work: () => Promise<T> | T, options?: LockOptions): Promise<T>;
}

interface Waiter {
  readonly grant: () => void;
}

/** Text of the time-out: file locks of PVE::Tools lock_file, cluster locks of PVE::Cluster cfs_lock. */
function timeoutText(name: string): string {
  return name.startsWith('/')
    ? `can't lock file '${name}' - got timeout`
    : `cfs-lock '${name}' error: got lock request timeout`;
}

/**
 * Makes the locks of one simulator.
 *
 * @param clock - time-outs run on it.
 * @param onWait - called when somebody has to wait for a lock.
 */
export function createLocks(clock: Clock, onWait: () => void): Locks {
  const queues = new Map<string, Waiter[]>();

  const release = (name: string): void => {
    const next = queues.get(name)?.shift();
    if (next) next.grant();
    else queues.delete(name);
  };
  const wait = async (name: string, timeoutMs: number, options: LockOptions): Promise<void> => {
    const queue = queues.get(name);
    if (!queue) {
      queues.set(name, []);
      return;
    }
    if (timeoutMs <= 0) throw new SimError(500, timeoutText(name));
    options.signal?.throwIfAborted();
    options.onWait?.();
    onWait();
    const timer = new AbortController();
    const forward = (): void => timer.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', forward, { once: true });
    let granted = false;
    const waiter: Waiter = {
      grant: () => {
        granted = true;
        timer.abort();
      },
    };
    queue.push(waiter);
    try {
      await clock.sleep(timeoutMs, timer.signal);
    } catch (error) {
      if (!granted) throw error;
    } finally {
      options.signal?.removeEventListener('abort', forward);
      const index = queue.indexOf(waiter);
      if (index >= 0) queue.splice(index, 1);
    }
    if (!granted) throw new SimError(500, timeoutText(name));
  };
  return {
    async run(name, timeoutMs, work, options = {}) {
      await wait(name, timeoutMs, options);
      try {
        return await work();
      } finally {
        release(name);
      }
    },
  };
}
