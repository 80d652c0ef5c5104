/** Files that commands read: text from a path or from stdin, and what ships with the package. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, UsageError } from '../util/errors.ts';
import type { Runtime } from './runtime.ts';

/** Why a file could not be read, in words. */
function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
  };
  return (code === undefined ? undefined : words[code]) ?? messageOf(error);
}

/**
 * Reads a text file, or stdin for `-`.
 *
 * @param runtime - host and working directory.
 * @param file - path as the user gave it.
 * @param what - for the message: `fleet file`.
 * @returns its text.
 * @throws {@link UsageError} when it cannot be read.
 */
export async function readInput(
  runtime: Pick<Runtime, 'host' | 'path'>,
  file: string,
  what: string,
): Promise<string> {
  if (file !== '-') {
    try {
      return await readFile(runtime.path(file), 'utf8');
    } catch (error) {
      throw new UsageError(`cannot read the ${what} ${file}: ${reasonOf(error)}`, { cause: error });
    }
  }
  const { stdin } = runtime.host;
  if (stdin.isTTY) {
    throw new UsageError(`the ${what} is to come from stdin, but that is the terminal`, {
      hint: `pipe it in, or give a path`,
    });
  }
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) text += String(chunk);
  return text;
}

/**
 * Reads a file if it is there.
 *
 * @param path - absolute path.
 * @returns its text, or `undefined` when there is none.
 * @throws {@link UsageError} when it is there and cannot be read.
 */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Gives the path of a file that ships with the package.
 *
 * @param name - below the package's folder: `templates/catalog.yaml`, `config/schema/fleet.schema.json`.
 * @returns its path; the same from `src/cli` and from `dist/cli`.
 */
export function assetPath(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
