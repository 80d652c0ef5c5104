/** `sim serve`: the simulated cluster as a server, until SIGINT or SIGTERM. */
import type { ConsoleBackend, Simulator } from '../../simulator/index.ts';
import { scaledClock, systemClock } from '../../util/clock.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { readInput } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { createStateKeeper, openJournal, parseJson, readBeginning, type StateKeeper } from '../sim-files.ts';

/** Resolves when the run is interrupted. */
function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The shell of this machine behind the consoles, where that is asked for. */
async function realShell({ options }: Invocation, runtime: Runtime): Promise<ConsoleBackend | undefined> {
  if (options.consoleShell !== true) return undefined;
  const [{ createRealShell }, { isLoopback }] = await Promise.all([
    import('../../simulator/console/real-shell.ts'),
    import('../../simulator/server.ts'),
  ]);
  const { host = '127.0.0.1' } = options;
  if (!isLoopback(host))
    throw new UsageError(`--console-shell is for loopback addresses only, not for ${host}`, {
      hint: 'leave --host out',
    });
  runtime.output.tell(
    'warning: --console-shell: whoever opens a console of this cluster runs commands on this machine, as you',
  );
  try {
    return await createRealShell();
  } catch (error) {
    throw new UsageError(`--console-shell: ${messageOf(error)}`, {
      hint: 'without it, consoles have a small shell that is made up',
      cause: error,
    });
  }
}

async function makeSimulator(invocation: Invocation, runtime: Runtime): Promise<Simulator> {
  const { options } = invocation;
  const [{ createSimulator }, { checkFaults, readFaultFile }] = await Promise.all([
    import('../../simulator/index.ts'),
    import('../../simulator/faults/schedule.ts'),
  ]);
  const clock = options.speed === undefined ? systemClock : scaledClock(options.speed);
  const beginning = await readBeginning(runtime, options, clock.now());
  const { faults: file } = options;
  const schedule =
    file === undefined
      ? undefined
      : readFaultFile(parseJson(file, await readInput(runtime, file, 'fault schedule')), file);
  const { tell } = runtime.output;
  const shell = await realShell(invocation, runtime);
  const simulator = createSimulator({
    ...beginning,
    ...(shell ? { console: shell } : {}),
    ...(schedule?.randomSeed === undefined ? {} : { randomSeed: schedule.randomSeed }),
    clock,
    // Tickets and waiting for connections go by the network's time.
    ...(options.speed === undefined ? {} : { consoleClock: systemClock }),
    ...(options.latency === undefined ? {} : { latencyMs: options.latency }),
    ...(options.journal === undefined ? {} : { onRequest: openJournal(runtime.path(options.journal), tell) }),
  });
  if (schedule) simulator.faults.schedule(checkFaults(schedule.faults, simulator.state, file));
  return simulator;
}

function keeperOf(simulator: Simulator, file: string, runtime: Runtime): StateKeeper {
  const { state, journal, clock } = simulator;
  // Tasks go on without requests; what they do between two of them is saved when they are seen to run.
  const running = (): number => Object.values(state.tasks).filter((task) => task.status === 'running').length;
  const changes = (): string => {
    const tasks = running();
    return `${journal.at(-1)?.seq ?? 0} ${tasks} ${tasks > 0 ? clock.now() : ''}`;
  };
  return createStateKeeper(
    runtime.path(file),
    () => ({ ...simulator.exportState(), savedAtMs: clock.now() }),
    changes,
    runtime.output.tell,
  );
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { options } = invocation;
  const { output, host, interrupts } = runtime;
  const simulator = await makeSimulator(invocation, runtime);
  const { startServer } = await import('../../simulator/server.ts');
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
  const keeper = options.state === undefined ? undefined : keeperOf(simulator, options.state, runtime);
  await Promise.all([interrupted(interrupts.signal), keeper?.keep(interrupts.signal)]);
  await server.close();
  await keeper?.save();
  return 0;
}
