import type { Shell } from './shell-state.ts';
import type { Node } from './syntax.ts';

/** What the interpreter lends to builtins. */
export interface Engine {
  run(shell: Shell, node: Node): Promise<number>;
  /** Runs the text of a script. */
  runText(shell: Shell, text: string): Promise<number>;
  /** Runs a command by its words, functions left out. */
  runCommand(shell: Shell, words: readonly string[]): Promise<number>;
}

export type Builtin = (shell: Shell, args: readonly string[], engine: Engine) => Promise<number> | number;

export const printable = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

export async function say(shell: Shell, fd: number, text: string): Promise<void> {
  if (text !== '') await shell.fds.get(fd)?.write(text, shell.process.signal);
}

export async function fail(shell: Shell, name: string, text: string, status = 1): Promise<number> {
  await say(shell, 2, `${shell.isInteractive ? 'bash' : shell.name}: ${name}: ${text}\n`);
  return status;
}
