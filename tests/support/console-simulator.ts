/** A simulated cluster over HTTPS whose containers have consoles that work: for tests of the client's side of them. */

import { createRealShell } from '../../src/simulator/console/real-shell.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/index.ts';
import { startServer } from '../../src/simulator/server.ts';
import { scaledClock, systemClock } from '../../src/util/clock.ts';
import { call, rootToken, waitTask } from './simulator.ts';

/** How the simulator is to be. */
export interface ConsoleSimulatorOptions {
  /** `scripted`: the small shell of the simulator; `real`: a shell of this machine on a real terminal. */
  readonly shell: 'scripted' | 'real';
  /** Path of another shell than bash for `real`, for example `/bin/dash`. */
  readonly program?: string;
  /** Where the homes of `real` are made; default: the system's directory for temporary files. */
  readonly scratch?: string;
  readonly seed?: SimulatorOptions['seed'];
  /** Simulated seconds per second, default 40. */
  readonly speed?: number;
  /** The same for what depends on the network: ages of tickets, waiting termproxies; default 1. */
  readonly consoleSpeed?: number;
}

/** A simulator that serves consoles. */
export interface ConsoleSimulator {
  readonly simulator: Simulator;
  readonly url: string;
  readonly fingerprint: string;
  readonly certificatePem: string;
  /** `Authorization` of root@pam's token. */
  readonly authorization: string;
  /** Variables with which the command line reaches it. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Creates a container and starts it.
   *
   * @param params - further parameters of the creation; `cmode` is `shell` unless given.
   */
  addContainer(vmid: number, params?: Readonly<Record<string, string | number>>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a simulated cluster on a free loopback port.
 *
 * @param options - which shell, which cluster.
 */
export async function startConsoleSimulator(options: ConsoleSimulatorOptions): Promise<ConsoleSimulator> {
  const { shell, program, scratch, seed = 'small', speed = 40, consoleSpeed } = options;
  const backend =
    shell === 'real'
      ? await createRealShell({
          ...(program === undefined ? {} : { shell: program }),
          ...(scratch === undefined ? {} : { scratch }),
        })
      : undefined;
  const simulator = createSimulator({
    seed,
    clock: scaledClock(speed),
    consoleClock: consoleSpeed === undefined ? systemClock : scaledClock(consoleSpeed),
    ...(backend ? { console: backend } : {}),
  });
  const server = await startServer(simulator, { host: '127.0.0.1', port: 0 });
  const { tokenId, tokenSecret } = simulator.credentials;
  const { url, fingerprint, certificatePem } = server;
  const done = async (path: string, params: Readonly<Record<string, string | number>>): Promise<void> => {
    const { data, text } = await call(simulator, { method: 'POST', path, params });
    if (typeof data !== 'string') throw new Error(`POST ${path}: ${text}`);
    const { exitstatus } = await waitTask(simulator, data);
    if (exitstatus !== 'OK' && !exitstatus.startsWith('WARNINGS'))
      throw new Error(`POST ${path}: ${exitstatus}`);
  };
  return {
    simulator,
    url,
    fingerprint,
    certificatePem,
    authorization: rootToken(simulator),
    env: {
      PVEFLEET_URL: url,
      PVEFLEET_FINGERPRINT: fingerprint,
      PVEFLEET_TOKEN_ID: tokenId,
      PVEFLEET_TOKEN_SECRET: tokenSecret,
    },
    async addContainer(vmid, params = {}) {
      const node = Object.keys(simulator.state.nodes)[0] as string;
      const volumes = Object.values(simulator.state.volumes);
      const template = volumes.find(({ content, node: at }) => content === 'vztmpl' && (at ?? node) === node);
      await done(`/nodes/${node}/lxc`, {
        vmid,
        ostemplate: template?.volid ?? '',
        rootfs: 'local-lvm:1',
        hostname: `c${vmid}`,
        cmode: 'shell',
        ...params,
      });
      await done(`/nodes/${node}/lxc/${vmid}/status/start`, {});
    },
    close: () => server.close(),
  };
}
