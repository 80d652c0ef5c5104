/** The state of a running shell, and how a subshell gets its own. */
import type { Machine } from './machine.ts';
import type { Process } from './processes.ts';
import type { Stream } from './streams.ts';
import type { Node } from './syntax.ts';

/** Exit code of a command that cannot be understood or carried out. */
export const misuse = 2;

/** A variable. */
export interface Variable {
  value: string | undefined;
  exported: boolean;
  readonly?: boolean;
}

/** A command in the background. */
interface Job {
  readonly number: number;
  readonly process: Process;
  readonly text: string;
}

export interface Shell {
  readonly machine: Machine;
  readonly process: Process;
  variables: Map<string, Variable>;
  functions: Map<string, Node>;
  /** `$1` and so on. */
  positional: string[];
  /** `$0`. */
  name: string;
  /** Single letters of `set`. */
  options: Set<string>;
  /** Commands by signal or `EXIT`; empty: ignored. */
  traps: Map<string, string>;
  /** Signals that have come and wait for their trap. */
  pending: string[];
  /** Open descriptors. */
  fds: Map<number, Stream>;
  cwd: string;
  umask: number;
  /** `$?`. */
  status: number;
  /** `$!`. */
  lastBackground: number | undefined;
  jobs: Job[];
  /** `$$`, also in subshells. */
  readonly shellPid: number;
  readonly isInteractive: boolean;
  /** Speaks as bash does, not as dash and ash. */
  readonly isBash: boolean;
  /** Depth of what `set -e` does not look into. */
  guarded: number;
  /** Variables that `local` has hidden, innermost function last. */
  locals: Map<string, Variable | undefined>[];
  /** Ctrl-C came while the shell itself was busy. */
  isInterrupted: boolean;
  /** Wakes what waits in the shell itself when a signal has come. */
  interrupt: AbortController | undefined;
  /** Shows the line that is being typed once more; absent while none is. */
  redraw?: (() => void) | undefined;
  /** `user:uid` that it runs as. */
  readonly user: string;
}

/** Shares every descriptor of a table. */
export function copyFds(fds: ReadonlyMap<number, Stream>): Map<number, Stream> {
  return new Map([...fds].map(([fd, stream]) => [fd, stream.retain()]));
}

/** Closes a table. */
export function closeFds(fds: Map<number, Stream>): void {
  for (const stream of fds.values()) stream.release();
  fds.clear();
}

/**
 * A copy for a subshell, with descriptors of its own, which must be closed when it ends.
 *
 * @param process - the subshell's process.
 */
export function subshellOf(shell: Shell, process: Process, fds: Map<number, Stream>): Shell {
  return {
    ...shell,
    process,
    fds,
    variables: new Map([...shell.variables].map(([name, variable]) => [name, { ...variable }])),
    functions: new Map(shell.functions),
    positional: [...shell.positional],
    options: new Set(shell.options),
    // Signals that are ignored stay ignored, traps do not go on.
    traps: new Map([...shell.traps].filter(([signal, action]) => action === '' && signal !== 'EXIT')),
    pending: [],
    jobs: [],
    locals: shell.locals.map((hidden) => new Map(hidden)),
    isInteractive: false,
    isInterrupted: false,
    interrupt: undefined,
  };
}

/** Value of a variable, or undefined when it is not set. */
export function variableValue(shell: Shell, name: string): string | undefined {
  return shell.variables.get(name)?.value;
}

/** Sets a variable. Throws for one that may not be changed. */
export function assign(shell: Shell, name: string, value: string): void {
  const present = shell.variables.get(name);
  if (present?.readonly === true) throw new Error(`${name}: is read only`);
  if (present) present.value = value;
  else shell.variables.set(name, { value, exported: shell.options.has('a') });
}

/** What programs get as their environment. */
export function environmentOf(shell: Shell): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, { value, exported }] of shell.variables)
    if (exported && value !== undefined) found.set(name, value);
  return found;
}
