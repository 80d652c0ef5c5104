/**
 * The consoles of the answering node: its ports, the termproxies that listen on them, and the sessions of the containers.
 * Lives beside the state, which knows nothing of connections; `reap` keeps both in step.
 */
import type { Clock } from '../../util/clock.ts';
import { die, type SimWorker } from '../context.ts';
import { localNode } from '../model/nodes.ts';
import type { SimContainer, SimState } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import type { ConsoleBackend, ConsoleProcess, ConsoleSize } from './backend.ts';
import { type ConsoleMode, startCommand } from './command.ts';
import { type Attachment, type Session, shareSession, type Viewer } from './session.ts';
import { createTermProxy, type TermInput, type TermProxy } from './termproxy.ts';
import { hasTicketEndpoint, refuseLogin } from './ticket-login.ts';

/** What a termproxy is started for. */
interface OpenConsole {
  readonly vmid: number;
  readonly port: number;
  /** Mode that was in force when it was opened; of no use where a session is still there. */
  readonly mode: ConsoleMode;
  /** Its command line. */
  readonly command: string;
}

export interface ConsoleHub {
  /** Time that tickets are measured by, seconds since the epoch. */
  seconds(): number;
  /** Port that tickets of this release are bound to: none before tickets had ports. */
  ticketPort(port: number): number;
  /** Takes the lowest port that is free. Throws when there is none. */
  takePort(): number;
  /** Starts a termproxy; the result is the work of its task. */
  open(console: OpenConsole): (worker: SimWorker) => Promise<void>;
  /** Keeps a port for a program that is not simulated, until it gives up waiting. */
  hold(port: number, worker: SimWorker): Promise<void>;
  /** Connects a client to a port of this node; undefined when nobody listens there. */
  connect(port: number, client: Viewer, peer: string): TermInput | undefined;
  /** Ends the sessions of containers that have stopped, restarted, moved or gone. */
  reap(): void;
  /** Ends everything. */
  close(): Promise<void>;
}

const firstPort = 5900;
const lastPort = 5999;
/** A port that was handed out is not handed out again before. */
const reservedMs = 5000;

interface Port {
  /** Simulated ms since the epoch. */
  reservedUntilMs: number;
  isHeld: boolean;
  proxy?: TermProxy;
}

interface Shared {
  readonly session: Session;
  /** Process id of the container's init: another one is another run of the container. */
  readonly initPid: number | undefined;
  readonly node: string | undefined;
}

/**
 * Makes the consoles of a simulator.
 *
 * @param options.clock - by which tickets grow old and waiting ends.
 * @param options.backend - what runs in them.
 */
export function createConsoleHub(options: {
  readonly state: SimState;
  readonly clock: Clock;
  readonly backend: ConsoleBackend;
}): ConsoleHub {
  const { state, clock, backend } = options;
  const ports = new Map<number, Port>();
  const sessions = new Map<number, Shared>();
  const proxies = new Set<TermProxy>();
  const seconds = (): number => Math.floor(clock.now() / 1000);

  const isFree = (port: number): boolean => {
    const taken = ports.get(port);
    return (
      !taken || !(taken.isHeld || taken.proxy?.isListening() === true || taken.reservedUntilMs > clock.now())
    );
  };
  const containerOf = (vmid: number): SimContainer | undefined => state.containers[vmid];
  const sessionOf = (vmid: number, mode: ConsoleMode, size: ConsoleSize): Session => {
    hub.reap();
    const present = sessions.get(vmid);
    if (present) return present.session;
    const container = containerOf(vmid);
    const program: ConsoleProcess = startCommand({ state, backend, clock, container, vmid, mode, size });
    const shared: Shared = {
      session: shareSession(program, () => {
        if (sessions.get(vmid) === shared) sessions.delete(vmid);
      }),
      initPid: container?.runtime?.pid,
      node: container?.node,
    };
    sessions.set(vmid, shared);
    return shared.session;
  };

  const hub: ConsoleHub = {
    seconds,
    ticketPort: (port) => (hasTicketEndpoint(state) ? port : 0),
    takePort: () => {
      for (let port = firstPort; port <= lastPort; port += 1) {
        if (!isFree(port)) continue;
        ports.set(port, { reservedUntilMs: clock.now() + reservedMs, isHeld: false });
        return port;
      }
      return die('unable to find free port (5900-6000)');
    },
    open: ({ vmid, port, mode, command }) => {
      const proxy = createTermProxy({
        clock,
        command,
        refuse: (authid, ticket) =>
          refuseLogin(state, { authid, ticket, path: `/vms/${vmid}`, port }, seconds()),
        attach: (viewer: Viewer, size: ConsoleSize): Attachment =>
          sessionOf(vmid, mode, size).attach(viewer, size),
      });
      const entry = ports.get(port);
      if (entry) entry.proxy = proxy;
      proxies.add(proxy);
      return async (worker) => {
        try {
          await proxy.run(worker);
        } finally {
          proxies.delete(proxy);
        }
      };
    },
    hold: async (port, worker) => {
      const entry = ports.get(port);
      if (entry) entry.isHeld = true;
      try {
        await worker.sleep(durations.consoleWait);
      } finally {
        if (entry) entry.isHeld = false;
      }
    },
    connect: (port, client, peer) => ports.get(port)?.proxy?.connect(client, peer),
    reap: () => {
      if (localNode(state).status === 'offline') for (const proxy of proxies) proxy.end();
      for (const [vmid, { session, initPid, node }] of sessions) {
        const container = containerOf(vmid);
        const isLost = node !== undefined && state.nodes[node]?.status === 'offline';
        if (container?.runtime?.pid === initPid && container?.node === node && !isLost) continue;
        sessions.delete(vmid);
        session.kill();
      }
    },
    close: async () => {
      for (const { session } of [...sessions.values()]) session.kill();
      for (const proxy of proxies) proxy.end();
      await backend.close();
    },
  };
  return hub;
}
