/** Types of the client: path literals, flat parameters, results. The types come from the generated schema. */
import type { PveApi } from '../schema/generated/api.gen.ts';
import type { ApiRequest } from '../schema/request.ts';
import type { HttpMethod } from '../schema/types.ts';
import type { Clock } from '../util/clock.ts';
import type { Transport } from './transport.ts';
import type { Websocket, WebsocketListeners } from './websocket.ts';

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
  /** Do not repeat it when the connection fails; the other URLs are tried all the same. */
  readonly once?: boolean;
  /** Uploads: told how many bytes of the file are under way. */
  readonly onSent?: (bytes: number) => void;
}

/** Parameters may be left out when none is required. */
export type CallArgs<M extends HttpMethod, P extends PathsWith<M>> =
  Partial<Params<M, P>> extends Params<M, P>
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
  /**
   * When to look next, in milliseconds from now.
   *
   * @param elapsedMs - since the waiting began.
   */
  readonly pauseMs?: (elapsedMs: number) => number;
}

/** A verb as a typed method. */
export type Call<M extends HttpMethod> = <P extends PathsWith<M>>(
  path: P,
  ...args: CallArgs<M, P>
) => Promise<Returns<M, P>>;

/** One server of the cluster: everything goes to it alone. */
export interface PinnedServer {
  /** Its base URL. */
  readonly url: string;
  /** As {@link PveClient.request}, once; no lock is waited for. */
  request(request: ApiRequest, options?: RequestOptions): Promise<unknown>;
  /** Opens a websocket at the path of a GET. */
  openWebsocket(
    request: ApiRequest,
    listeners: WebsocketListeners,
    options?: RequestOptions,
  ): Promise<Websocket>;
}

/** The client. */
export interface PveClient {
  readonly get: Call<'GET'>;
  readonly post: Call<'POST'>;
  readonly put: Call<'PUT'>;
  readonly delete: Call<'DELETE'>;
  /** Sends a request that exists only as data (a plan's action, the `api` command). Secret placeholders must be resolved before. */
  request(request: ApiRequest, options?: RequestOptions): Promise<unknown>;
  /**
   * Does several things at one and the same server, for what exists only where it was asked for (consoles). When a server
   * cannot be reached the next URL is tried with all of it, so it must be harmless to repeat.
   *
   * @param request - the first of these things, named when it is repeated.
   */
  atOneServer<T>(
    request: ApiRequest,
    work: (server: PinnedServer) => Promise<T>,
    options?: Pick<RequestOptions, 'signal' | 'once'>,
  ): Promise<T>;
  /**
   * Tries a password without using what it opens: this client goes on with its own credentials.
   *
   * @returns whether the server took it; where a second factor would come next, it did.
   */
  tryPassword(username: string, password: string, options?: Pick<RequestOptions, 'signal'>): Promise<boolean>;
  /** Waits until a task ends; the node is taken from the UPID. */
  waitTask(upid: string, options?: WaitTaskOptions): Promise<TaskOutcome>;
  /** The URL that answered last. */
  readonly url: string;
  /** Closes idle connections. */
  close(): void;
}

/** API token `user@realm!name` with its secret. */
export interface TokenAuth {
  readonly kind: 'token';
  readonly tokenId: string;
  readonly secret: string;
}

/** Login with a password; with a second factor when the account wants one. */
export interface TicketCredentials {
  readonly kind: 'ticket';
  /** `user@realm`. */
  readonly username: string;
  readonly password: string;
  /** Current TOTP code; it can be used once. Without it {@link ClientOptions.onTotp} is asked. */
  readonly otp?: string;
}

/** Whom to trust beside the certificate authorities that Node.js knows. */
export interface Trust {
  /** PEM text of further certificate authorities. */
  readonly caPem?: string;
  /**
   * SHA-256 fingerprint of the server's certificate; several (one per URL) separated by commas. When given, it alone
   * decides.
   */
  readonly fingerprint?: string;
}

/** One exchange with the server, for logs; holds no secret. */
export interface RequestReport {
  readonly method: HttpMethod;
  /** Path template. */
  readonly path: string;
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** Duration in milliseconds. */
  readonly ms: number;
  readonly error?: string;
}

/** Told before a request is repeated. */
export interface RetryReport {
  readonly method: HttpMethod;
  /** Path template. */
  readonly path: string;
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** Wait before the next, in milliseconds. */
  readonly inMs: number;
  readonly because: string;
}

/** What a client is built from. */
export interface ClientOptions {
  /** Base URLs such as `https://pve1:8006`, tried in turn; all of one cluster. */
  readonly urls: readonly string[];
  readonly auth: TokenAuth | TicketCredentials;
  readonly trust?: Trust;
  readonly clock: Clock;
  /** Ends every request and wait of the client. */
  readonly signal?: AbortSignal;
  readonly onRequest?: (report: RequestReport) => void;
  readonly onRetry?: (report: RetryReport) => void;
  /** Asks for a TOTP code. */
  readonly onTotp?: () => Promise<string>;
  readonly userAgent?: string;
  /** Requests under way at once; default 16. */
  readonly maxSockets?: number;
  /** How long requests that meet a lock are repeated, in milliseconds; default 30 000, 0: not at all. */
  readonly lockWaitMs?: number;
  /** Random number in [0, 1) for the jitter of waits. */
  readonly random?: () => number;
  /** Replaces the HTTP transport, for tests. */
  readonly transport?: Transport;
}
