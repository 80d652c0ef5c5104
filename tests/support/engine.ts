/** An engine on a simulated cluster, in process and on a clock that moves by itself: no sockets, no waiting. */
import { buffer } from 'node:stream/consumers';
import { createPveClient } from '../../src/api/client.ts';
import { type Transport, TransportError, type WireRequest } from '../../src/api/transport.ts';
import type { ClientOptions } from '../../src/api/types.ts';
import type { DesiredContainer, DesiredFleet } from '../../src/domain/desired.ts';
import type { Policy } from '../../src/domain/plan.ts';
import { type ContextOptions, createContext, type EngineContext } from '../../src/engine/context.ts';
import type { StampedEvent } from '../../src/engine/events.ts';
import { ConnectionDropped } from '../../src/simulator/faults.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/index.ts';
import { GiB } from '../../src/util/bytes.ts';
import { type ManualClock, manualClock } from '../../src/util/clock.ts';

/** Everything a test of the engine may look at. */
export interface TestEngine {
  readonly context: EngineContext;
  readonly simulator: Simulator;
  readonly clock: ManualClock;
  readonly events: StampedEvent[];
  /** First Ctrl-C. */
  readonly drain: AbortController;
  /** Second Ctrl-C. */
  readonly detach: AbortController;
  /** Events of one type. */
  readonly eventsOf: <T extends StampedEvent['type']>(type: T) => Extract<StampedEvent, { type: T }>[];
  /** Requests that the simulator has seen, as `METHOD /template`; only those that write when `writes` is set. */
  readonly requests: (options?: { writes?: boolean }) => string[];
  /** Another engine on the same cluster, as if the command had been run again. */
  readonly again: (options?: EngineOptions) => TestEngine;
}

/** What a test may choose. */
export interface EngineOptions {
  readonly seed?: SimulatorOptions['seed'];
  readonly randomSeed?: number;
  /** Default: root@pam's token. */
  readonly auth?: ClientOptions['auth'];
  readonly limits?: NonNullable<ContextOptions['limits']>;
  /** Who we are; default: not told. */
  readonly identity?: string;
  readonly resolveSecret?: EngineContext['resolveSecret'];
  /** Emit an event for each request and each repetition, as the CLI does. */
  readonly traceRequests?: boolean;
  /** Called with each event, before the engine goes on. */
  readonly onEvent?: (event: StampedEvent, engine: TestEngine) => void;
}

function inProcess(simulator: Simulator): Transport {
  const exchange = async (request: WireRequest): Promise<Response> => {
    const { url, method, headers, body, stream } = request;
    try {
      const content = stream ? new Uint8Array(await buffer(stream.open())) : body;
      return await simulator.fetch(
        new Request(url, {
          method,
          headers: { ...headers },
          ...(content === undefined ? {} : { body: content }),
        }),
      );
    } catch (error) {
      if (!(error instanceof ConnectionDropped)) throw error;
      throw new TransportError({
        kind: 'connection',
        sent: 'maybe',
        errno: 'ECONNRESET',
        reason: 'socket hang up',
      });
    }
  };
  return {
    send: async (request, signal) => {
      const response = await exchange(request);
      if (signal?.aborted) throw signal.reason as Error;
      return {
        status: response.status,
        reason: response.statusText,
        headers: Object.fromEntries(response.headers),
        body: await response.text(),
      };
    },
    close: () => undefined,
  };
}

const identityOf = (auth: ClientOptions['auth']): string =>
  auth.kind === 'token' ? auth.tokenId : auth.username;

function build(simulator: Simulator, clock: ManualClock, options: EngineOptions): TestEngine {
  const events: StampedEvent[] = [];
  const drain = new AbortController();
  const detach = new AbortController();
  const { tokenId, tokenSecret } = simulator.credentials;
  const pve = createPveClient({
    urls: ['https://pve1.test:8006'],
    auth: options.auth ?? { kind: 'token', tokenId, secret: tokenSecret },
    clock,
    transport: inProcess(simulator),
    random: () => 0.5,
    ...(options.traceRequests
      ? {
          onRequest: (report) => context.emit({ type: 'request', ...report }),
          onRetry: ({ attempt, inMs, because }) => context.emit({ type: 'retry', attempt, inMs, because }),
        }
      : {}),
  });
  const context: EngineContext = createContext({
    pve,
    clock,
    signal: detach.signal,
    drain: drain.signal,
    identity: identityOf(options.auth ?? { kind: 'token', tokenId, secret: tokenSecret }),
    resolveSecret: options.resolveSecret ?? ((reference) => Promise.resolve(`secret of ${reference}`)),
    random: () => 0.5,
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.identity === undefined ? {} : { identity: options.identity }),
    sink: (event) => {
      events.push(event);
      options.onEvent?.(event, engine);
    },
  });
  const engine: TestEngine = {
    context,
    simulator,
    clock,
    events,
    drain,
    detach,
    eventsOf: <T extends StampedEvent['type']>(type: T) =>
      events.filter((event): event is Extract<StampedEvent, { type: T }> => event.type === type),
    requests: ({ writes = false } = {}) =>
      simulator.journal
        .filter(({ method }) => !writes || method !== 'GET')
        .map(({ method, template }) => `${method} ${template}`),
    again: (more = {}) => build(simulator, clock, more),
  };
  return engine;
}

/** Makes an engine on a fresh cluster; default: three nodes. */
export function makeEngine(options: EngineOptions = {}): TestEngine {
  const clock = manualClock();
  const { seed = 'cluster', randomSeed = 1 } = options;
  const simulator = createSimulator({ seed, randomSeed, clock });
  return build(simulator, clock, options);
}

/** What a test allows; nothing destructive unless it says so. */
export function policyOf(more: Partial<Policy> & { readonly all?: boolean } = {}): Policy {
  const { all = false, ...rest } = more;
  return {
    allow: { destroy: all, recreate: all, restart: all },
    maxDestroy: all ? Number.POSITIVE_INFINITY : 0,
    prune: true,
    target: [],
    exclude: [],
    ...rest,
  };
}

/** A small container whose template is on pve1 from the start. */
export function container(key: string, more: Partial<DesiredContainer> = {}): DesiredContainer {
  return {
    key,
    hostname: key,
    vmid: 'auto',
    node: 'pve1',
    template: 'debian-12',
    unprivileged: true,
    compute: { cores: 1, memoryMiB: 512, swapMiB: 256 },
    rootfs: { storage: 'local-lvm', sizeBytes: 4 * GiB },
    nets: { eth0: { bridge: 'vmbr0', ip: 'dhcp' } },
    features: { nesting: true },
    options: {},
    power: 'running',
    adopt: false,
    restart: 'ask',
    ...more,
  };
}

/** A fleet file. */
export function fleet(
  containers: readonly DesiredContainer[],
  more: Partial<DesiredFleet> = {},
): DesiredFleet {
  return { name: 'lab', vmids: { from: 200, to: 299 }, containers, ...more };
}

/** Containers `ct1` … `ctN`. */
export function many(count: number, more: Partial<DesiredContainer> = {}): DesiredContainer[] {
  return Array.from({ length: count }, (_, index) => container(`ct${index + 1}`, more));
}
