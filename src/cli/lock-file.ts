/** Finds and reads `templates.lock`, which stands beside the fleet file. */
import { dirname, join } from 'node:path';
import type { DesiredFleet } from '../domain/desired.ts';
import { lockable } from '../domain/lock-templates.ts';
import type { TemplateLock } from '../domain/template-source.ts';
import { parseLock } from '../spec/lock.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { readOptional } from './files.ts';
import type { Runtime } from './runtime.ts';

const lockName = 'templates.lock';

/** A lock file that was looked for. */
export interface LockFile {
  /** As messages show it. */
  readonly file: string;
  /** Absent: there is none, or it is not sound. */
  readonly lock?: TemplateLock;
  readonly diagnostics: readonly Diagnostic[];
  readonly text?: string;
}

/**
 * Where the lock of a fleet file is.
 *
 * @param file - the fleet file as the user gave it; `-` for stdin, whose lock is in the working directory.
 * @returns a path as the user would write it.
 */
export function lockPath(file: string): string {
  return file === '-' ? lockName : join(dirname(file), lockName);
}

/**
 * Reads the lock of a fleet file.
 *
 * @param file - the fleet file as the user gave it.
 * @returns lock and findings.
 * @throws UsageError when it is there and cannot be read.
 */
export async function readLock(runtime: Pick<Runtime, 'path'>, file: string): Promise<LockFile> {
  const path = lockPath(file);
  const text = await readOptional(runtime.path(path));
  return text === undefined
    ? { file: path, diagnostics: [] }
    : { file: path, text, ...parseLock(path, text) };
}

/**
 * Tells about templates that the lock does not have, where there is a lock.
 *
 * @param file - the fleet file as the user gave it.
 */
export function sayUnlocked(runtime: Pick<Runtime, 'output'>, fleet: DesiredFleet, file: string): void {
  const { lock } = fleet;
  if (!lock || runtime.output.format !== 'human') return;
  const names = [...lockable(fleet).keys()].filter((name) => !Object.hasOwn(lock, name));
  if (names.length > 0)
    runtime.output.say(
      `Not in ${lockPath(file)}: ${names.join(', ')}; add with: pvefleet template lock -f ${file}`,
    );
}
