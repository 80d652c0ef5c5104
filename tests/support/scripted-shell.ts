/** Runs scripts in the scripted shell of simulated containers, without a console. */
import { bootMachine, type Machine } from '../../src/simulator/console/scripted/machine.ts';
import { runShell } from '../../src/simulator/console/scripted/shell.ts';
import { collector, nullStream, textStream } from '../../src/simulator/console/scripted/streams.ts';
import type { SimContainer } from '../../src/simulator/model/state.ts';
import { manualClock } from '../../src/util/clock.ts';

/** What a script did. */
export interface ScriptResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container that is just there. */
function plainContainer(config: Readonly<Record<string, string>> = {}): SimContainer {
  return {
    vmid: 100,
    node: 'pve1',
    config: { hostname: 'c100', ostype: 'debian', ...config },
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: {
      pid: 1000,
      startedAtMs: Date.UTC(2026, 0, 1),
      memoryMiB: 512,
      swapMiB: 512,
      cpuLimit: '0',
      cpuUnits: 100,
      ignoresShutdown: false,
    },
    createdAtMs: Date.UTC(2026, 0, 1),
    raw: [],
  };
}

/** Boots a container. */
export function plainMachine(config: Readonly<Record<string, string>> = {}): Machine {
  return bootMachine(plainContainer(config), {
    clock: manualClock(),
    interfaces: () => [],
    startShell: runShell,
  });
}

/**
 * Runs a script with `sh -c`.
 *
 * @param input - its standard input.
 */
export async function runScript(machine: Machine, script: string, input?: string): Promise<ScriptResult> {
  const [output, errors] = [collector(), collector()];
  const process = machine.processes.spawn({ command: 'sh' }, (own) =>
    runShell({
      machine,
      process: own,
      name: 'sh',
      args: ['-c', script, 'sh', 'one', 'two words'],
      environment: new Map([
        ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        ['HOME', '/root'],
      ]),
      cwd: '/tmp',
      umask: 0o022,
      user: 'root:0',
      fds: new Map([
        [0, input === undefined ? nullStream : textStream(input)],
        [1, output.stream],
        [2, errors.stream],
      ]),
      ignored: [],
    }),
  );
  const status = await process.ended;
  return { status, stdout: output.text(), stderr: errors.text() };
}
