/** A simulated container while it runs: its files, its processes, and what it is. */
import type { Clock } from '../../../util/clock.ts';
import type { GuestInterface } from '../../model/guest-network.ts';
import { insideOf } from '../../model/inside.ts';
import type { SimContainer, SimInside } from '../../model/state.ts';
import { baseFiles, familyOf } from './distribution.ts';
import { createFileSystem, type FileSystem } from './files.ts';
import { createProcesses, type Processes } from './processes.ts';
import type { Family, ProgramStart } from './tools/tool.ts';

export interface Machine {
  readonly container: SimContainer;
  readonly inside: SimInside;
  readonly family: Family;
  readonly hostname: string;
  readonly files: FileSystem;
  readonly processes: Processes;
  readonly clock: Clock;
  /** Network interfaces with the addresses that they have now. */
  interfaces(): readonly GuestInterface[];
  /** Seconds since the epoch. */
  seconds(): number;
  /** Runs a shell with the arguments of `sh`, to its end. */
  readonly startShell: StartShell;
}

type StartShell = (start: ProgramStart) => Promise<number>;

/** What is lost when a container stops. */
const volatile = ['/run', '/dev/shm'];
const firstPid = 300;

/** What a container is booted with. */
export interface BootOptions {
  /** Its time. */
  readonly clock: Clock;
  readonly interfaces: () => readonly GuestInterface[];
  /** Runs shells; given, because shells run programs. */
  readonly startShell: StartShell;
}

/**
 * Boots a container.
 *
 * @param container - a running one.
 * @param options - its time, and whom it needs.
 */
export function bootMachine(container: SimContainer, options: BootOptions): Machine {
  const { clock, interfaces, startShell } = options;
  const inside = insideOf(container);
  const init = container.runtime?.pid;
  if (init !== undefined && inside.booted !== init) {
    for (const path of Object.keys(inside.files))
      if (volatile.some((directory) => path.startsWith(`${directory}/`))) delete inside.files[path];
    for (const service of Object.values(inside.services)) service.active = service.enabled;
    inside.booted = init;
  }
  const seconds = (): number => Math.floor(clock.now() / 1000);
  const processes = createProcesses(firstPid, seconds);
  const base = baseFiles(container, { inside, processes, seconds });
  return {
    container,
    inside,
    family: familyOf(container),
    hostname: container.config['hostname'] ?? `CT${container.vmid}`,
    files: createFileSystem(inside, base, seconds),
    processes,
    clock,
    interfaces,
    seconds,
    startShell,
  };
}
