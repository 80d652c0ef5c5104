/** What programs for files share. */
import { baseName, type Entry, FileError, reasons } from '../files.ts';
import type { ToolContext } from './tool.ts';

/** Runs something for each name; a failure is told and the others go on. */
export async function forEach(
  context: ToolContext,
  names: readonly string[],
  work: (name: string) => Promise<void> | void,
  verb = '',
): Promise<number> {
  let status = 0;
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      context.process.signal.throwIfAborted();
      const text =
        error instanceof FileError ? `${verb}'${name}': ${error.reason}` : (error as Error).message;
      await context.err(`${baseName(context.name)}: ${text}\n`);
      status = 1;
    }
  }
  return status;
}

export function needEntry(
  context: ToolContext,
  name: string,
  keepLink = true,
): { path: string; entry: Entry } {
  const path = context.path(name, keepLink);
  const entry = context.files.get(path);
  if (!entry) throw new FileError(name, reasons.missing);
  return { path, entry };
}

const directorySize = 4096;

export const sizeOf = (entry: Entry): number =>
  entry.type === 'dir' ? directorySize : (entry.data ?? '').length;
