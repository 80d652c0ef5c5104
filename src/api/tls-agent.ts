/**
 * Keep-alive agents whose sockets come from connect.ts, so that every socket of the pool was trusted before its first
 * request. Everything else is Node.js's own agent.
 */
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import {
  type ConnectLimits,
  connectPlain,
  connectTls,
  type Target,
  type TrustPolicy,
  trustContext,
} from './connect.ts';

type Callback = (error: Error | null, socket: Duplex) => void;

/** An agent that can let go of what it holds. */
export interface PveAgent extends http.Agent {
  /** Closes idle connections; used when one of them turned out to be dead. */
  dropIdle(): void;
}

/** What an agent is built from. */
export interface AgentOptions {
  readonly trust: TrustPolicy;
  readonly connectTimeoutMs: number;
  readonly maxSockets: number;
  /** Keep connections for the next request. */
  readonly keepAlive: boolean;
  /** Close connections that were idle for so long, in milliseconds. */
  readonly idleMs: number;
}

function targetOf(options: http.ClientRequestArgs & { servername?: string | undefined }): Target {
  return {
    host: options.host ?? options.hostname ?? 'localhost',
    port: Number(options.port ?? options.defaultPort),
    servername: options.servername ?? '',
  };
}

function hand(connection: Promise<Duplex>, oncreate: Callback | undefined): undefined {
  connection.then(
    (socket) => oncreate?.(null, socket),
    (error: Error) => oncreate?.(error, undefined as unknown as Duplex),
  );
}

function dropIdle(agent: http.Agent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}

const poolOptions = ({ keepAlive, idleMs, maxSockets }: AgentOptions): http.AgentOptions => ({
  keepAlive,
  maxSockets,
  maxFreeSockets: maxSockets,
  timeout: idleMs,
});

class PveHttpsAgent extends https.Agent implements PveAgent {
  readonly #settings: AgentOptions;
  readonly #context: SecureContext | undefined;
  readonly #closing = new AbortController();

  constructor(settings: AgentOptions) {
    super(poolOptions(settings));
    setMaxListeners(0, this.#closing.signal);
    this.#settings = settings;
    this.#context = trustContext(settings.trust);
  }

  override createConnection(options: https.RequestOptions, callback?: Callback): undefined {
    const { trust, connectTimeoutMs } = this.#settings;
    const limits: ConnectLimits = { timeoutMs: connectTimeoutMs, signal: this.#closing.signal };
    return hand(connectTls(targetOf(options), { ...trust, context: this.#context }, limits), callback);
  }

  dropIdle(): void {
    dropIdle(this);
  }

  override destroy(): void {
    this.#closing.abort(new Error('the client was closed'));
    super.destroy();
  }
}

class PveHttpAgent extends http.Agent implements PveAgent {
  readonly #settings: AgentOptions;
  readonly #closing = new AbortController();

  constructor(settings: AgentOptions) {
    super(poolOptions(settings));
    setMaxListeners(0, this.#closing.signal);
    this.#settings = settings;
  }

  override createConnection(options: http.ClientRequestArgs, callback?: Callback): undefined {
    const limits: ConnectLimits = {
      timeoutMs: this.#settings.connectTimeoutMs,
      signal: this.#closing.signal,
    };
    return hand(connectPlain(targetOf(options), limits), callback);
  }

  dropIdle(): void {
    dropIdle(this);
  }

  override destroy(): void {
    this.#closing.abort(new Error('the client was closed'));
    super.destroy();
  }
}

/**
 * Builds an agent.
 *
 * @param protocol - `http:` is for loopback addresses, which the caller has made sure of.
 * @param options - trust and limits.
 * @returns the agent.
 */
export function createAgent(protocol: 'https:' | 'http:', options: AgentOptions): PveAgent {
  return protocol === 'https:' ? new PveHttpsAgent(options) : new PveHttpAgent(options);
}
