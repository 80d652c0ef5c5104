/** Types between the command tree and the commands. Types only: nothing here is loaded at run time. */
import type { Options } from './options.ts';
import type { Runtime } from './runtime.ts';

/** A flag, for completion. */
export interface FlagDescription {
  readonly names: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  /** The value names a file or folder of this machine. */
  readonly takesFile: boolean;
}

/** The command tree as data, for completion. */
export interface CommandDescription {
  /** The name and its aliases. */
  readonly names: readonly string[];
  readonly text: string;
  readonly flags: readonly FlagDescription[];
  readonly operands: readonly string[];
  readonly commands: readonly CommandDescription[];
}

/** One call of a command. */
export interface Invocation {
  /** Words of the command: `template list`. */
  readonly command: string;
  /** Operands in order. */
  readonly args: readonly string[];
  /** Words after `--`, for commands that tell them apart from operands; absent: there was no `--`. */
  readonly rest?: readonly string[];
  readonly options: Options;
  readonly describe: () => CommandDescription;
}

/** What a file in commands/ exports. */
export interface CommandModule {
  /**
   * Runs the command.
   *
   * @returns its exit code: those of the README, but `exec` passes on that of its command; errors are thrown.
   */
  readonly run: (invocation: Invocation, runtime: Runtime) => Promise<number>;
}
