/** What the rows of the command tree look like. Types only. */
import type { CommandModule } from '../invocation.ts';
import type { OptionRow, Options } from '../options.ts';

/** One command of the tree. */
export interface CommandRow {
  /** Words of the command: `plan`, `template list`. */
  readonly name: string;
  readonly alias?: string;
  /** Operands in commander's notation. */
  readonly operands?: string;
  readonly text: string;
  readonly options?: readonly OptionRow[];
  /** Takes words after `--` that are not operands. */
  readonly rest?: true;
  /** Has Markdown and JUnit beside the formats that every command has. */
  readonly reports?: true;
  /** Has CSV beside the formats that every command has. */
  readonly csv?: true;
  /** Gives a flag another meaning in this command. */
  readonly adjust?: (flags: Partial<Options>, args: readonly string[]) => Partial<Options>;
  readonly load?: () => Promise<CommandModule>;
}

/** Commands that stand together in the help. */
export type CommandGroup = readonly [heading: string, commands: readonly CommandRow[]];
