/**
 * Runs jobs in the order of their dependencies, each as soon as all of its limits have room, in plan order among those
 * that could start. Knows nothing about what a job does.
 *
 * Not built from nested p-limit queues: a job that waits inside the global queue for its node's queue would hold a place
 * that a job of another node could use.
 */
import { InternalError } from '../util/errors.ts';
import { type AdaptiveLimit, createAdaptiveLimit } from './adaptive-limit.ts';

/** How many jobs of one kind may run at once; jobs with the same `name` share the room. */
export interface Room {
  readonly name: string;
  readonly limit: number;
  /** The limit adapts to what happens, up to this; absent: it is fixed. */
  readonly most?: number;
  /** See {@link LimitRange}; default 2. */
  readonly slack?: number;
}

/** A job's hold on the rooms that it is in. */
export interface Place {
  /** Makes room before the job has ended. */
  leave(isMeant: (room: string) => boolean): void;
  /** Tells that the job ran into a time-out there: fewer at once from now on. */
  congested(isMeant: (room: string) => boolean): void;
}

/** What is known about a job before it runs. */
export interface Job {
  readonly id: string;
  /** Ids that must have succeeded; ids of no job are taken as done. */
  readonly dependsOn: readonly string[];
  /** Ids that must have ended, however. */
  readonly follows?: readonly string[];
  readonly rooms: readonly Room[];
  /** Jobs of the same class take about as long; default: all do. */
  readonly class?: string;
  /** Starts when all jobs of lower waves have ended, however they did; default 0. */
  readonly wave?: number;
}

/** What the scheduler asks its caller. */
export interface Schedule<J extends Job, R> {
  /** Does the work; must not reject. */
  readonly run: (job: J, place: Place) => Promise<R>;
  /** Whether jobs that depend on this one must not run. */
  readonly hasFailed: (result: R) => boolean;
  /** Result of a job that never ran. */
  readonly skip: (job: J, because: string) => R;
  /** Why a job may not start any more; undefined: it may. Asked before each start. */
  readonly stopped: (job: J) => string | undefined;
  /** Time in milliseconds; only differences count. Without it limits do not learn from durations. */
  readonly now?: () => number;
  /** Awaited before the first job of another wave starts; must not reject. */
  readonly beforeWave?: (wave: number) => Promise<void>;
}

/**
 * Runs all jobs.
 *
 * @param jobs - in the order in which they should start.
 * @param schedule - the work and the decisions.
 * @returns one result per job, in the order of the jobs.
 * @throws InternalError when the dependencies have a cycle.
 */
export function runJobs<J extends Job, R>(jobs: readonly J[], schedule: Schedule<J, R>): Promise<R[]> {
  const results = new Map<string, R>();
  const known = new Set(jobs.map((job) => job.id));
  const used = new Map<string, number>();
  let waiting = [...jobs];
  let running = 0;
  const waveOf = ({ wave = 0 }: J): number => wave;
  let wave = Math.min(...jobs.map(waveOf));
  let isBetween = false;

  const failedNeed = (job: J): string | undefined =>
    job.dependsOn.find((id) => {
      const result = results.get(id);
      return result !== undefined && schedule.hasFailed(result);
    });
  const isReady = ({ dependsOn, follows = [] }: J): boolean =>
    [...dependsOn, ...follows].every((id) => results.has(id) || !known.has(id));
  const now = schedule.now ?? ((): number => 0);
  const adaptive = new Map<string, AdaptiveLimit>();
  const limitOf = ({ name, limit, most, slack = 2 }: Room): AdaptiveLimit | undefined => {
    if (most === undefined) return undefined;
    const known = adaptive.get(name) ?? createAdaptiveLimit({ start: limit, most, slack });
    adaptive.set(name, known);
    return known;
  };
  const placesIn = (room: Room): number => limitOf(room)?.current ?? room.limit;
  const hasRoom = (job: J): boolean => job.rooms.every((room) => (used.get(room.name) ?? 0) < placesIn(room));
  const occupy = (room: Room, change: 1 | -1): void => {
    used.set(room.name, (used.get(room.name) ?? 0) + change);
  };
  const skip = (job: J, because: string): void => {
    results.set(job.id, schedule.skip(job, because));
  };
  /** Skips what can no longer run; one pass is enough because jobs are asked again until nothing changes. */
  const prune = (): void => {
    for (let before = -1; before !== waiting.length; ) {
      before = waiting.length;
      waiting = waiting.filter((job) => {
        const need = failedNeed(job);
        if (need !== undefined) skip(job, `${need} did not succeed`);
        return need === undefined;
      });
    }
  };

  return new Promise<R[]>((resolve, reject) => {
    const start = (job: J): void => {
      const startedAt = now();
      const held = new Set(job.rooms);
      const troubled = new Set<Room>();
      const leave = (room: Room, isGood: boolean): void => {
        const limit = limitOf(room);
        if (isGood && !troubled.has(room)) {
          const wasFull = (used.get(room.name) ?? 0) >= placesIn(room);
          limit?.succeeded({ kind: job.class ?? '', ms: now() - startedAt, wasFull });
        }
        held.delete(room);
        occupy(room, -1);
      };
      const place: Place = {
        leave: (isMeant) => {
          const left = [...held].filter(({ name }) => isMeant(name));
          for (const room of left) leave(room, true);
          if (left.length > 0) pump();
        },
        congested: (isMeant) => {
          for (const room of held) {
            if (!isMeant(room.name)) continue;
            troubled.add(room);
            limitOf(room)?.congested(startedAt, now());
          }
        },
      };
      running += 1;
      for (const room of held) occupy(room, 1);
      schedule.run(job, place).then((result) => {
        running -= 1;
        for (const room of [...held]) leave(room, !schedule.hasFailed(result));
        results.set(job.id, result);
        pump();
      }, reject);
    };
    const leaveOut = (job: J, because: string): void => {
      skip(job, because);
      waiting = waiting.filter((other) => other !== job);
    };
    /** Goes on to the next wave when nothing of this one is left. */
    const isWaveOver = (): boolean => {
      if (running > 0 || waiting.length === 0) return false;
      const next = Math.min(...waiting.map(waveOf));
      if (next <= wave || waiting.every((job) => schedule.stopped(job) !== undefined)) return false;
      isBetween = true;
      (schedule.beforeWave?.(next) ?? Promise.resolve()).then(() => {
        wave = next;
        isBetween = false;
        pump();
      }, reject);
      return true;
    };
    const pump = (): void => {
      prune();
      if (isBetween || isWaveOver()) return;
      for (const job of [...waiting]) {
        const need = failedNeed(job);
        const because = schedule.stopped(job) ?? (need === undefined ? undefined : `${need} did not succeed`);
        if (because !== undefined) {
          leaveOut(job, because);
          continue;
        }
        if (waveOf(job) > wave || !isReady(job) || !hasRoom(job)) continue;
        waiting = waiting.filter((other) => other !== job);
        start(job);
      }
      if (running > 0) return;
      // what was left out just now may have been needed by jobs before it
      prune();
      if (waiting.length > 0) {
        reject(new InternalError(`actions wait for each other: ${waiting.map((job) => job.id).join(', ')}`));
        return;
      }
      resolve(jobs.map((job) => results.get(job.id) as R));
    };
    pump();
  });
}
