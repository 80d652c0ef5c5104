/** `sim serve`: the simulated cluster as a server, until SIGINT or SIGTERM. */
import type { SimState } from '../../simulator/model/state.ts';
import { scaledClock, systemClock } from '../../util/clock.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { readInput, readOptional } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { writePrivate } from '../profile-file.ts';
import type { Runtime } from '../runtime.ts';

const builtIn = ['small', 'cluster', 'reference'] as const;
type Seed = (typeof builtIn)[number] | SimState;

function parseState(file: string, text: string): SimState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    value.format === 'pvefleet.sim-state/1'
  )
    return value as SimState;
  throw new UsageError(`${file} holds no state of a simulated cluster`, {
    hint: 'sim serve --state FILE writes such a file when it ends',
  });
}

async function seedOf({ options }: Invocation, runtime: Runtime): Promise<Seed> {
  if (options.state !== undefined) {
    const saved = await readOptional(runtime.path(options.state));
    if (saved !== undefined) return parseState(options.state, saved);
  }
  const seed = options.seed ?? 'cluster';
  const known = builtIn.find((name) => name === seed);
  return known ?? parseState(seed, await readInput(runtime, seed, 'seed'));
}

/** Resolves when the run is interrupted. */
function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { options } = invocation;
  const { output, host } = runtime;
  const seed = await seedOf(invocation, runtime);
  const [{ createSimulator }, { startServer }] = await Promise.all([
    import('../../simulator/index.ts'),
    import('../../simulator/server.ts'),
  ]);
  const simulator = createSimulator({
    seed,
    clock: options.speed === undefined ? systemClock : scaledClock(options.speed),
    ...(options.latency === undefined ? {} : { latencyMs: options.latency }),
  });
  const server = await startServer(simulator, {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    http: options.http === true,
  });
  const { username, password, tokenId, tokenSecret } = simulator.credentials;
  const { url, fingerprint } = server;
  // These are the credentials of a toy that ends with this process: here they are the result, so nothing is masked.
  const document = { format: 'pvefleet.sim/1', url, fingerprint, username, password, tokenId, tokenSecret };
  host.stdout.write(
    output.format === 'human'
      ? [
          `The simulated cluster answers at ${url}. To use it in another terminal:`,
          '',
          `  export PVEFLEET_URL=${url}`,
          ...(options.http ? [] : [`  export PVEFLEET_FINGERPRINT=${fingerprint}`]),
          `  export PVEFLEET_TOKEN_ID='${tokenId}'`,
          `  export PVEFLEET_TOKEN_SECRET=${tokenSecret}`,
          '  pvefleet list',
          '',
          `Or log in as ${username} with ${password}. Ctrl-C ends it.`,
          '',
        ].join('\n')
      : `${JSON.stringify(document)}\n`,
  );
  await interrupted(runtime.interrupts.signal);
  await server.close();
  if (options.state !== undefined)
    await writePrivate(runtime.path(options.state), `${JSON.stringify(simulator.exportState())}\n`);
  return 0;
}
