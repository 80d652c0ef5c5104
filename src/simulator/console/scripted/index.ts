/**
 * The small scripted shell behind simulated consoles: a container's files, processes and programs, made up as far as
 * scripts and people look. Nothing of it touches this machine.
 */
import type { Clock } from '../../../util/clock.ts';
import { type GuestInterface, guestInterfaces } from '../../model/guest-network.ts';
import type { SimContainer, SimState } from '../../model/state.ts';
import type { ConsoleBackend, ConsoleProcess, ConsoleSize } from '../backend.ts';
import { bootMachine, type Machine } from './machine.ts';
import { seatOf } from './seats.ts';
import { runShell } from './shell.ts';
import { terminalStream } from './streams.ts';
import { createTerminal } from './terminal.ts';

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function startRootShell(machine: Machine, keyClock: Clock, size: ConsoleSize): ConsoleProcess {
  let onData: (bytes: Uint8Array) => void = () => undefined;
  let onExit = (): void => undefined;
  const name =
    machine.family === 'alpine' ? '/bin/ash' : machine.family === 'other' ? '/bin/sh' : '/bin/bash';
  const inFront = (signal: string): void => {
    const seat = seatOf({ machine, process });
    if (seat) machine.processes.kill(-seat.foreground, signal);
  };
  const terminal = createTerminal({ clock: keyClock, onOutput: (bytes) => onData(bytes), onSignal: inFront });
  terminal.size = size;
  const stream = terminalStream(terminal);
  const process = machine.processes.spawn({ command: name, newSession: true }, (own) =>
    runShell({
      machine,
      process: own,
      name,
      args: [],
      environment: new Map([
        ['PATH', path],
        ['TERM', 'xterm-256color'],
        ['container', 'lxc'],
        ['HOME', '/root'],
        ['USER', 'root'],
        ['SHELL', name],
      ]),
      cwd: '/',
      umask: 0o022,
      user: 'root:0',
      fds: new Map([0, 1, 2].map((fd) => [fd, stream])),
      ignored: [],
    }),
  );
  void process.ended.then(() => onExit());
  return {
    write: (bytes) => terminal.type(bytes),
    resize: (wanted) => {
      terminal.size = wanted;
      inFront('WINCH');
    },
    onData: (listener) => {
      onData = listener;
    },
    onExit: (listener) => {
      onExit = listener;
    },
    pause: () => terminal.pause(),
    resume: () => terminal.resume(),
    kill: () => {
      terminal.hangUp();
      machine.processes.kill(process.pid, 'KILL');
    },
  };
}

/** What scripted shells are made with. */
export interface ScriptedShellOptions {
  /** Where the containers are. */
  readonly state: SimState;
  /** Time inside the containers. */
  readonly clock: Clock;
  /** Time at their terminals: that of whoever types. */
  readonly keyClock: Clock;
}

/**
 * Makes the backend of scripted shells.
 *
 * @param options - see {@link ScriptedShellOptions}.
 */
export function createScriptedShell(options: ScriptedShellOptions): ConsoleBackend {
  const { state, clock, keyClock } = options;
  const machines = new Map<number, { readonly machine: Machine; readonly init: number | undefined }>();
  const machineOf = (container: SimContainer): Machine => {
    const init = container.runtime?.pid;
    const present = machines.get(container.vmid);
    if (present && present.init === init && present.machine.container === container) return present.machine;
    present?.machine.processes.killAll();
    const interfaces = (): GuestInterface[] => guestInterfaces(state, container, clock.now()) ?? [];
    const machine = bootMachine(container, { clock, interfaces, startShell: runShell });
    machines.set(container.vmid, { machine, init });
    return machine;
  };
  return {
    spawn: (container, size) => startRootShell(machineOf(container), keyClock, size),
    close: () => {
      for (const { machine } of machines.values()) machine.processes.killAll();
      machines.clear();
      return Promise.resolve();
    },
  };
}
