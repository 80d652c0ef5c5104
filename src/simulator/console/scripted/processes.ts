/** The processes of a simulated container: numbers, groups, sessions, signals. What they do is their own function. */

/** Signals by number. */
export const signals: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  ABRT: 6,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  WINCH: 28,
};

/** These do nothing to a process that does not ask for them; stopping is not simulated. */
const harmless: ReadonlySet<string> = new Set(['CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'WINCH']);
const signalBase = 128;

/** A process has been ended by a signal. */
export class Killed extends Error {
  readonly signal: string;
  constructor(signal: string) {
    super(`killed by ${signal}`);
    this.signal = signal;
  }
  /** As the shell sees it. */
  get status(): number {
    return signalBase + (signals[this.signal] ?? 0);
  }
}

/** The name of a signal as kill and trap take it: `TERM`, `SIGTERM`, `15`; undefined for none. */
export function signalName(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (Object.hasOwn(signals, name)) return name;
  return Object.keys(signals).find((candidate) => String(signals[candidate]) === text);
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  group: number;
  session: number;
  /** Words of its command line. */
  command: string;
  readonly startedAtSeconds: number;
  /** Aborted, with a `Killed`, when it must end. */
  readonly signal: AbortSignal;
  /** Asked first; true: the signal is taken care of. */
  onSignal: ((signal: string) => boolean) | undefined;
  /** Its exit code; never rejects. */
  readonly ended: Promise<number>;
  isRunning(): boolean;
}

/** How a process is started. */
interface SpawnOptions {
  readonly command: string;
  readonly parent?: Process;
  /** Leads a group of its own. */
  readonly newGroup?: boolean;
  /** Leads a session of its own, away from the terminal. */
  readonly newSession?: boolean;
}

export interface Processes {
  spawn(options: SpawnOptions, run: (process: Process) => Promise<number>): Process;
  /**
   * Sends a signal.
   *
   * @param target - a process, or with a minus sign a group.
   * @param signal - a name; `0` only looks.
   * @returns false when there is nobody.
   */
  kill(target: number, signal: string): boolean;
  list(): Process[];
  /** Ends all at once, whatever they have to say about it. */
  killAll(): void;
}

/**
 * Makes an empty table; the first process gets `firstPid`.
 *
 * @param seconds - seconds since the epoch.
 */
export function createProcesses(firstPid: number, seconds: () => number): Processes {
  const table = new Map<number, { readonly process: Process; readonly end: (signal: string) => void }>();
  let nextPid = firstPid;

  const deliver = (pid: number, signal: string): void => {
    const entry = table.get(pid);
    if (!entry || signal === '0') return;
    if (signal !== 'KILL' && entry.process.onSignal?.(signal) === true) return;
    if (!harmless.has(signal)) entry.end(signal);
  };
  return {
    spawn({ command, parent, newGroup = false, newSession = false }, run) {
      const pid = nextPid;
      nextPid += 1;
      const controller = new AbortController();
      let isRunning = true;
      let settle: (code: number) => void = () => undefined;
      const process: Process = {
        pid,
        parent: parent?.pid ?? 1,
        group: newGroup || newSession || !parent ? pid : parent.group,
        session: newSession || !parent ? pid : parent.session,
        command,
        startedAtSeconds: seconds(),
        signal: controller.signal,
        onSignal: undefined,
        ended: new Promise((resolve) => {
          settle = resolve;
        }),
        isRunning: () => isRunning,
      };
      table.set(pid, { process, end: (signal) => controller.abort(new Killed(signal)) });
      const perform = async (): Promise<number> => {
        try {
          return await run(process);
        } catch (error) {
          if (error instanceof Killed) return error.status;
          throw error;
        }
      };
      const finish = (code: number): void => {
        isRunning = false;
        table.delete(pid);
        settle(code);
      };
      // A turn later, so that whoever starts it knows it before it does anything.
      Promise.resolve()
        .then(perform)
        .then(finish, () => finish(signalBase + (signals['SEGV'] as number))); // a program of ours that is broken
      return process;
    },
    kill(target, signal) {
      const all = [...table.values()].map(({ process }) => process);
      const meant =
        target < 0 ? all.filter(({ group }) => group === -target) : all.filter(({ pid }) => pid === target);
      for (const { pid } of meant) deliver(pid, signal);
      return meant.length > 0;
    },
    list: () => [...table.values()].map(({ process }) => process),
    killAll: () => {
      for (const { end } of [...table.values()]) end('KILL');
    },
  };
}
