/** Types of the client: path literals, flat parameters, results. The types come from the generated schema. */
import type { PveApi } from '../schema/generated/api.gen.ts';
import type { ApiRequest } from '../schema/request.ts';
import type { HttpMethod } from '../schema/types.ts';

/** Paths that have this verb. */
export type PathsWith<M extends HttpMethod> = {
  [P in keyof PveApi]: M extends keyof PveApi[P] ? P : never;
}[keyof PveApi];

type Op<M extends HttpMethod, P extends PathsWith<M>> = M extends keyof PveApi[P] ? PveApi[P][M] : never;

/** Flat parameters of an operation: path, query and body together. */
export type Params<M extends HttpMethod, P extends PathsWith<M>> =
  Op<M, P> extends { params: infer T } ? T : never;
/** Result of an operation, unwrapped from `data`. */
export type Returns<M extends HttpMethod, P extends PathsWith<M>> =
  Op<M, P> extends { returns: infer T } ? T : never;

/** Options of one request. */
export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Time-out of this request in milliseconds; default 60 000. */
  readonly timeoutMs?: number;
}

/** Parameters may be left out when none is required. */
export type CallArgs<M extends HttpMethod, P extends PathsWith<M>> =
  {} extends Params<M, P>
    ? [params?: Params<M, P>, options?: RequestOptions]
    : [params: Params<M, P>, options?: RequestOptions];

/** How a task ended. `warnings` is success that must be shown. */
export type TaskOutcome =
  | { readonly upid: string; readonly state: 'ok' }
  | {
      readonly upid: string;
      readonly state: 'warnings';
      readonly count: number;
      readonly log: readonly string[];
    }
  | {
      readonly upid: string;
      readonly state: 'failed';
      readonly exitStatus: string;
      readonly log: readonly string[];
    };

/** Options of waiting for a task. */
export interface WaitTaskOptions {
  /** Stops the waiting, never the task. */
  readonly signal?: AbortSignal;
  /** Gives up waiting after this many milliseconds with a TaskTimeoutError; default: none. */
  readonly timeoutMs?: number;
  /** Called with each new line of the task's log, in order. Without it the log is read only on failure and warnings. */
  readonly onLog?: (line: string) => void;
}

/** A verb as a typed method. */
export type Call<M extends HttpMethod> = <P extends PathsWith<M>>(
  path: P,
  ...args: CallArgs<M, P>
) => Promise<Returns<M, P>>;

/** The client. */
export interface PveClient {
  readonly get: Call<'GET'>;
  readonly post: Call<'POST'>;
  readonly put: Call<'PUT'>;
  readonly delete: Call<'DELETE'>;
  /** Sends a request that exists only as data (a plan's action, the `api` command). Secret placeholders must be resolved before. */
  request(request: ApiRequest, options?: RequestOptions): Promise<unknown>;
  /** Waits until a task ends; the node is taken from the UPID. */
  waitTask(upid: string, options?: WaitTaskOptions): Promise<TaskOutcome>;
  /** The URL that answered last. */
  readonly url: string;
  /** Closes idle connections. */
  close(): void;
}
