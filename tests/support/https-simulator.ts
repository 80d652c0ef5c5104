/** The simulated cluster served over HTTPS from the test's own process, so that its journal and state can be looked at. */
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/index.ts';
import { startServer } from '../../src/simulator/server.ts';
import { scaledClock, systemClock } from '../../src/util/clock.ts';

/** A simulator that serves. */
export interface HttpsSimulator {
  readonly simulator: Simulator;
  /** Variables with which the command line reaches it. */
  readonly env: Readonly<Record<string, string>>;
  /** Requests since the last call that could have changed something, as `METHOD /path`; a login changes nothing. */
  takeWrites(): string[];
  close(): Promise<void>;
}

/**
 * Starts a simulated cluster on a free loopback port.
 *
 * @param seed - which cluster; also one that was built before on a clock that does not wait.
 * @param speed - simulated seconds per second.
 * @returns the running simulator.
 */
export async function startHttpsSimulator(
  seed: NonNullable<SimulatorOptions['seed']>,
  speed = 40,
): Promise<HttpsSimulator> {
  const simulator = createSimulator({ seed, clock: scaledClock(speed), consoleClock: systemClock });
  const server = await startServer(simulator, { host: '127.0.0.1', port: 0 });
  let seen = 0;
  return {
    simulator,
    env: {
      PVEFLEET_URL: server.url,
      PVEFLEET_FINGERPRINT: server.fingerprint,
      PVEFLEET_TOKEN_ID: simulator.credentials.tokenId,
      PVEFLEET_TOKEN_SECRET: simulator.credentials.tokenSecret,
    },
    takeWrites: () => {
      const entries = simulator.journal.slice(seen);
      seen = simulator.journal.length;
      return entries
        .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/access/ticket'))
        .map((entry) => `${entry.method} ${entry.path}`);
    },
    close: () => server.close(),
  };
}
