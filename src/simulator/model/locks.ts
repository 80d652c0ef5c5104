/**
 * Named locks of the simulated nodes and their cluster, with time-outs on the simulated clock. File locks are given first
 * come, first served; those of the cluster to whoever looks at the right moment.
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

/** What locks ask of the rest of the simulator. */
export interface LockWorld {
  /** Whether somebody holds this lock for as long as anybody waits; see faults.ts. */
  readonly isBusy?: (name: string) => boolean;
  /** Without a majority the cluster gives no locks. */
  readonly isQuorate?: () => boolean;
}

/** Those who wait for a lock of the cluster look again once a second, all of them, and who comes first gets it. */
const clusterLockPollMs = 1000;

const isFileLock = (name: string): boolean => name.startsWith('/');

/** Text of the time-out: file locks of PVE::Tools lock_file, cluster locks of PVE::Cluster cfs_lock. */
function timeoutText(name: string): string {
  return isFileLock(name)
    ? `can't lock file '${name}' - got timeout`
    : `cfs-lock '${name}' error: got lock request timeout`;
}

/**
 * Makes the locks of one simulator.
 *
 * @param clock - time-outs run on it.
 * @param onWait - called when somebody has to wait for a lock.
 * @param world - faults and quorum; by default there are none and it is there.
 */
export function createLocks(clock: Clock, onWait: () => void, world: LockWorld = {}): Locks {
  const queues = new Map<string, Waiter[]>();
  const { isBusy = () => false, isQuorate = () => true } = world;

  const release = (key: string): void => {
    const next = queues.get(key)?.shift();
    if (next) next.grant();
    else queues.delete(key);
  };
  const take = (key: string): boolean => {
    if (queues.has(key)) return false;
    queues.set(key, []);
    return true;
  };
  const tellWaiting = (options: LockOptions): void => {
    options.signal?.throwIfAborted();
    options.onWait?.();
    onWait();
  };
  /** First come, first served, as flock does it. */
  const queueUp = async (key: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean> => {
    const timer = new AbortController();
    const forward = (): void => timer.abort(signal?.reason);
    signal?.addEventListener('abort', forward, { once: true });
    let granted = false;
    const waiter: Waiter = {
      grant: () => {
        granted = true;
        timer.abort();
      },
    };
    const queue = queues.get(key) ?? [];
    queue.push(waiter);
    try {
      await clock.sleep(timeoutMs, timer.signal);
    } catch (error) {
      if (!granted) throw error;
    } finally {
      signal?.removeEventListener('abort', forward);
      const index = queue.indexOf(waiter);
      if (index >= 0) queue.splice(index, 1);
    }
    return granted;
  };
  /** Looks again and again; who comes in between may be luckier. */
  const poll = async (key: string, timeoutMs: number, options: LockOptions): Promise<boolean> => {
    for (let leftMs = timeoutMs; leftMs > 0; leftMs -= clusterLockPollMs) {
      await clock.sleep(Math.min(leftMs, clusterLockPollMs), options.signal);
      if (take(key)) return true;
      if (leftMs > clusterLockPollMs) tellWaiting(options);
    }
    return false;
  };
  const acquire = async (
    name: string,
    key: string,
    timeoutMs: number,
    options: LockOptions,
  ): Promise<boolean> => {
    const busy = isBusy(name);
    if (!busy && take(key)) return true;
    if (timeoutMs <= 0) return false;
    tellWaiting(options);
    if (busy) {
      await clock.sleep(timeoutMs, options.signal);
      return false;
    }
    return isFileLock(name) ? queueUp(key, timeoutMs, options.signal) : poll(key, timeoutMs, options);
  };
  return {
    async run(name, timeoutMs, work, options = {}) {
      if (!isFileLock(name) && !isQuorate()) throw new SimError(500, `cfs-lock '${name}' error: no quorum!`);
      const key = options.node === undefined ? name : `${options.node} ${name}`;
      if (!(await acquire(name, key, timeoutMs, options))) throw new SimError(500, timeoutText(name));
      try {
        return await work();
      } finally {
        release(key);
      }
    },
  };
}
