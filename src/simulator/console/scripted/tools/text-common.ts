/** What programs for text share. */
import type { ToolContext } from './tool.ts';

/** Runs something for each input; `-` and nothing are the standard input. */
export async function eachInput(
  context: ToolContext,
  names: readonly string[],
  work: (text: string, name: string) => Promise<void> | void,
): Promise<number> {
  let status = 0;
  for (const name of names.length === 0 ? ['-'] : names) {
    try {
      const stream = context.open(name);
      try {
        await work(await context.readAll(stream), name);
      } finally {
        stream.release();
      }
    } catch (error) {
      context.process.signal.throwIfAborted();
      await context.err(`${context.name}: ${(error as Error).message}\n`);
      status = 1;
    }
  }
  return status;
}

/** The lines of a text without their ends. */
export function linesOf(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

export const asLines = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
