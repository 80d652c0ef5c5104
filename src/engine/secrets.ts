/**
 * Gives the value of a secret reference: `env:NAME`, `file:PATH`, `command:PROGRAM ARGS`. Values are never shown or written;
 * what a command gave is kept in memory for the run, because it may ask a person for a PIN.
 */
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '../util/errors.ts';

/** Where references are looked up. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of `file:` start here; default: the working directory. */
  readonly baseDirectory?: string;
}

/** Reference of the password that this run has logged in with. */
export const ownPassword = 'login:password';

const run = promisify(execFile);
const commandTimeoutMs = 60_000;

function unresolved(reference: string, why: string, hint: string, cause?: unknown): UsageError {
  return new UsageError(`cannot resolve the secret ${reference}: ${why}`, {
    code: 'SECRET_UNRESOLVED',
    hint,
    cause,
  });
}

/** The first line break at the end belongs to the file, not to the secret. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'failed';
}

async function fromFile(reference: string, path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw unresolved(reference, 'others may read the file', `run: chmod 600 ${path}`);
    }
    return withoutNewline(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw unresolved(reference, errnoOf(error), 'write the secret into that file, mode 0600', error);
  }
}

/** Words of a command line; quotes keep blanks together, there is no shell. */
export function splitCommand(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}

async function fromCommand(reference: string, text: string, sources: SecretSources): Promise<string> {
  const [program, ...args] = splitCommand(text);
  if (program === undefined) throw unresolved(reference, 'no command is given', 'write command:PROGRAM ARGS');
  try {
    const { stdout } = await run(program, args, {
      timeout: commandTimeoutMs,
      env: { ...sources.env },
      ...(sources.baseDirectory === undefined ? {} : { cwd: sources.baseDirectory }),
    });
    return withoutNewline(stdout);
  } catch (error) {
    // the error of execFile quotes what the command printed, so it is not passed on as a cause
    throw unresolved(reference, `the command failed (${errnoOf(error)})`, 'run it by hand to see why');
  }
}

/**
 * Makes the `resolveSecret` of a context.
 *
 * @param sources - environment, and the directory that relative paths start from.
 * @returns a function that gives a reference's value, and throws UsageError (code SECRET_UNRESOLVED) when there is none.
 */
export function createSecretResolver(sources: SecretSources): (reference: string) => Promise<string> {
  const given = new Map<string, Promise<string>>();
  const once = (reference: string, run: () => Promise<string>): Promise<string> => {
    const known = given.get(reference) ?? run();
    given.set(reference, known);
    known.catch(() => given.delete(reference));
    return known;
  };
  return async (reference) => {
    const [, scheme = '', rest = ''] = /^(env|file|command):(.*)$/s.exec(reference) ?? [];
    const lookUps: Readonly<Record<string, () => string | undefined | Promise<string>>> = {
      env: () => sources.env[rest],
      file: () => fromFile(reference, resolve(sources.baseDirectory ?? '.', rest)),
      command: () => once(reference, () => fromCommand(reference, rest, sources)),
    };
    const lookUp = Object.hasOwn(lookUps, scheme) ? lookUps[scheme] : undefined;
    if (!lookUp)
      throw unresolved(reference, 'it is no reference', 'write env:NAME, file:PATH or command:PROGRAM');
    const value = await lookUp();
    if (value === undefined || value === '') {
      const hint = scheme === 'env' ? `set the environment variable ${rest}` : 'it gives an empty value';
      throw unresolved(reference, 'there is no value', hint);
    }
    return value;
  };
}
