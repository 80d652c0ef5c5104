/**
 * What resets under way are to keep, in a file of this machine, from before the first step until the last one succeeded.
 * Somebody who comes back after an interruption finds there what the server has forgotten with a container. It is no state:
 * without it a reset does what the file says.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Kept } from '../../domain/lab/reset-facts.ts';
import { canonicalJson } from '../../util/canonical-json.ts';
import { messageOf, UsageError } from '../../util/errors.ts';
import { replaceFile } from '../replace-file.ts';
import type { ApplyReport } from '../report.ts';

const format = 'pvefleet.reset-record/1';

/** Where unfinished resets are remembered. */
export interface ResetRecord {
  /** Of earlier runs. */
  read(): Promise<readonly Kept[]>;
  /** Replaces all of it; nothing to remember removes it. */
  write(kept: readonly Kept[]): Promise<void>;
}

function isKept(value: unknown): value is Kept {
  return (
    typeof value === 'object' &&
    value !== null &&
    Number.isInteger((value as Kept).vmid) &&
    typeof (value as Kept).key === 'string' &&
    Array.isArray((value as Kept).acls)
  );
}

/**
 * A record in a file of mode 0600.
 *
 * @param path - its folder is made when it is needed.
 */
export function resetRecordIn(path: string): ResetRecord {
  const wrong = (cause: unknown): UsageError =>
    new UsageError(`cannot use the record of unfinished resets ${path}: ${messageOf(cause)}`, {
      code: 'RESET_RECORD_UNUSABLE',
      hint: 'set XDG_STATE_HOME to a folder that can be written; a broken record may be removed',
      cause,
    });
  return {
    async read() {
      try {
        const document = JSON.parse(await readFile(path, 'utf8')) as { format?: unknown; kept?: unknown };
        const { kept } = document;
        if (document.format !== format || !Array.isArray(kept) || !kept.every(isKept))
          throw new Error('it is no such record');
        return kept;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw wrong(cause);
      }
    },
    async write(kept) {
      try {
        if (kept.length === 0) return await rm(path, { force: true });
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await replaceFile(path, `${canonicalJson({ format, kept }, 2)}\n`, 0o600);
      } catch (cause) {
        throw wrong(cause);
      }
    },
  };
}

const good: ReadonlySet<string> = new Set(['ok', 'warnings', 'unchanged', 'diverged']);

/**
 * Carries out resets under the protection of a record.
 *
 * @param record - where it is kept.
 * @param kept - of the plan.
 * @param apply - carries the plan out.
 * @returns the report; what was not finished stays in the record.
 * @throws UsageError before anything is changed when the record cannot be written.
 */
export async function underRecord(
  record: ResetRecord,
  kept: readonly Kept[],
  apply: () => Promise<ApplyReport>,
): Promise<ApplyReport> {
  const ours = new Set(kept.map(({ vmid }) => vmid));
  const others = async (): Promise<Kept[]> => (await record.read()).filter(({ vmid }) => !ours.has(vmid));
  await record.write([...(await others()), ...kept]);
  const report = await apply();
  const open = new Set(report.actions.filter(({ result }) => !good.has(result)).map(({ key }) => key));
  await record.write([...(await others()), ...kept.filter(({ key }) => open.has(key))]);
  return report;
}
