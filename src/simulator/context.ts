/**
 * What a handler is given, and how it refuses. Handlers are `(context) => data`; they read and change `context.state`
 * and may start workers. Everything that waits, waits on `context.clock`.
 */
import type { Operation } from '../schema/types.ts';
import type { Clock } from '../util/clock.ts';
import type { ConsoleHub } from './console/hub.ts';
import type { SimState } from './model/state.ts';

/** Who calls. */
export interface SimAuth {
  /** `user@realm`. */
  readonly userid: string;
  /** Token name, when the call came with an API token. */
  readonly tokenid?: string;
  /** `user@realm` or `user@realm!token`: owner of tasks. */
  readonly authid: string;
  /** root@pam with a ticket; a token of root is never this. */
  readonly isRoot: boolean;
}

/** A running worker, inside the function that does its work. */
export interface SimWorker {
  readonly upid: string;
  /** Adds a line to the task's log. */
  log(line: string): void;
  /** Adds `WARN: text` and counts it. */
  warn(text: string): void;
  /** Lets simulated time pass. Rejects when the task is stopped. */
  sleep(ms: number): Promise<void>;
  /** Aborted when the task is stopped. */
  readonly signal: AbortSignal;
  /**
   * From here on an interrupt kills the worker the hard way: stopping takes 5 s, `lastLine` is the end of the log, and the
   * exit status is `unexpected status` (a vzshutdown that waits in lxc-stop, behaviours §8). `null` takes it back.
   */
  diesHard(lastLine: string | null): void;
}

/** How a lock is waited for. */
export interface LockOptions {
  /**
   * Called when the lock is not free at once (workers log `trying to acquire lock...`); for a lock of the cluster, a name
   * that is no path, each time that it is looked for in vain.
   */
  readonly onWait?: () => void;
  /** The node whose file it is; file locks of different nodes do not know each other. */
  readonly node?: string;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

export interface HandlerContext {
  readonly state: SimState;
  readonly clock: Clock;
  readonly auth: SimAuth;
  /** Consoles of the answering node. */
  readonly consoles: ConsoleHub;
  readonly operation: Operation;
  /** Validated parameters, path parameters included; scalars are text unless they came as JSON, booleans are 0 or 1. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Text of a parameter, or undefined when it was not given. */
  text(name: string): string | undefined;
  /** Number of a parameter, or undefined. */
  number(name: string): number | undefined;
  /** Truth of a boolean parameter, or undefined. */
  flag(name: string): boolean | undefined;
  /** Effective privileges check; root@pam always has them. `any`: one of them is enough. */
  has(path: string, privileges: readonly string[], options?: { any?: boolean }): boolean;
  /** As `has`, but refuses with 403 `Permission check failed (path, priv|priv)`. */
  need(path: string, privileges: readonly string[], options?: { any?: boolean }): void;
  /** The file of a multipart upload; its text parts are in `params`, the name it is stored under as `filename`. */
  readonly upload?: { readonly bytes: Uint8Array };
  /** Simulated seconds since the epoch. */
  seconds(): number;
  /** Random number in [0, 1) from the state's own generator. */
  random(): number;
  /**
   * Starts a worker and returns its UPID at once; a throw of `work` becomes `TASK ERROR: …`.
   */
  fork(type: string, id: string, node: string, work: (worker: SimWorker) => Promise<void>): string;
  /**
   * Stops a worker: TERM, and after up to 5 s KILL. Resolves when it has ended; at once for a task that is not running.
   * Whether the caller may is the handler's business.
   */
  stopTask(upid: string): Promise<void>;
  /**
   * Runs `work` under a named lock; waits up to `timeoutMs` of simulated time, then fails (500) with
   * `can't lock file 'NAME' - got timeout`, or `cfs-lock 'NAME' error: got lock request timeout` when NAME is no path.
   */
  withLock<T>(name: string, timeoutMs: number, work: () => Promise<T> | T, options?: LockOptions): Promise<T>;
  /** Effective privileges on a path and whether they propagate, as `GET /access/permissions` shows them. */
  privileges(path: string): Readonly<Record<string, 0 | 1>>;
  /** As `has`, for somebody else: `user@realm` or `user@realm!token`. */
  hasFor(authid: string, path: string, privileges: readonly string[], options?: { any?: boolean }): boolean;
  /** Sets `total`, `changes` … beside `data` in the answer. */
  extra(key: string, value: unknown): void;
  /** Answers with this body instead of the JSON envelope (a task log as a file); the handler's result is then ignored. */
  sendText(contentType: string, body: string): void;
}

export type Handler = (context: HandlerContext) => unknown;
/** Keys are `METHOD /path/template`, exactly as in the schema. */
export type HandlerTable = Readonly<Record<string, Handler>>;

/** A refusal: status, text, and errors by parameter. */
export class SimError extends Error {
  readonly status: number;
  readonly errors?: Readonly<Record<string, string>>;

  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    if (errors) this.errors = errors;
  }
}

/** What the server's code does with `die`: status 500 and the text. */
export function die(message: string): never {
  throw new SimError(500, message);
}

/** What the server's code does with `raise_param_exc`: status 400 and texts by parameter. */
export function paramError(errors: Readonly<Record<string, string>>): never {
  throw new SimError(400, 'Parameter verification failed.', errors);
}

/** `raise_perm_exc`: 403 `Permission check failed (what)`. */
export function forbidden(what?: string): never {
  throw new SimError(
    403,
    what === undefined ? 'Permission check failed' : `Permission check failed (${what})`,
  );
}
