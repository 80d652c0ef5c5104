/** Archives on this machine that a plan uploads: their checksums while planning, and a last look before they are sent. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { DesiredFleet } from '../domain/desired.ts';
import type { Plan } from '../domain/plan.ts';
import type { LocalFile, TemplateSource } from '../domain/template-source.ts';
import type { ApiRequest } from '../schema/request.ts';
import { fileReason } from '../util/file-error.ts';
import { StalePlanError } from './failures.ts';

/**
 * Reads a file once through.
 *
 * @param path - on this machine.
 * @returns checksum and size, or why it cannot be read.
 */
export async function readLocalFile(path: string): Promise<LocalFile> {
  const hash = createHash('sha512');
  let sizeBytes = 0;
  try {
    if (!(await stat(path)).isFile()) return { problem: 'it is no file' };
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      hash.update(chunk as Buffer);
      sizeBytes += (chunk as Buffer).length;
    }
  } catch (error) {
    return { problem: fileReason(error) };
  }
  return sizeBytes === 0 ? { problem: 'it is empty' } : { sha512: hash.digest('hex'), sizeBytes };
}

/**
 * Reads own templates that are files of this machine.
 *
 * @param fleet - the file.
 * @param names - file names of archives; others are left alone.
 * @returns the fleet with what was read, or undefined when there was nothing to read.
 */
export async function withLocalFiles(
  fleet: DesiredFleet,
  names: ReadonlySet<string>,
): Promise<DesiredFleet | undefined> {
  const read = new Map<string, TemplateSource>();
  for (const [name, source] of Object.entries(fleet.sources ?? {})) {
    if (source.kind !== 'file' || source.local || !names.has(name)) continue;
    read.set(name, { ...source, local: await readLocalFile(source.location) });
  }
  return read.size === 0
    ? undefined
    : { ...fleet, sources: { ...fleet.sources, ...Object.fromEntries(read) } };
}

/** File names of the archives that a plan uploads. */
function uploadsOf(plan: Plan): Set<string> {
  return new Set(
    plan.actions.filter(({ kind }) => kind === 'template.upload').map(({ target }) => target.key),
  );
}

/**
 * Plans with the files of this machine that are needed. Only the plan tells which they are; planning again with their
 * checksums costs no request.
 *
 * @param fleet - the file.
 * @param make - plans.
 * @param planOf - finds the plan in what is made.
 */
export async function planWithFiles<T>(
  fleet: DesiredFleet,
  make: (fleet: DesiredFleet) => T,
  planOf: (made: T) => Plan,
): Promise<T> {
  const made = make(fleet);
  const read = await withLocalFiles(fleet, uploadsOf(planOf(made)));
  return read ? make(read) : made;
}

/**
 * Looks whether a file is still the one that was planned, as far as its size tells; the server compares the checksum.
 *
 * @throws StalePlanError when it is gone or has another size.
 */
export async function checkUpload({ path, sizeBytes }: NonNullable<ApiRequest['upload']>): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new StalePlanError(`cannot upload ${path}: ${fileReason(cause)}`, {
      hint: 'make a new plan',
      cause,
    });
  });
  if (sizeBytes !== undefined && found.size !== sizeBytes)
    throw new StalePlanError(`${path} has changed since it was planned`, { hint: 'make a new plan' });
}
