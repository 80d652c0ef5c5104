/**
 * `template lock -f FILE`: pins the templates of a fleet that are not pinned yet. `template upgrade -f FILE [NAME…]`: shows
 * what would move to a newer archive, and writes that after a confirmation. The cluster is only read.
 */
import { decideLock, type LockDocument, writeLock } from '../../engine/template-lock.ts';
import { renderLock } from '../../render/lock.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { lockPath } from '../lock-file.ts';
import type { Runtime } from '../runtime.ts';

/** A lock is only written at once; an upgrade is looked at first. */
async function mayWrite(runtime: Runtime, document: LockDocument): Promise<boolean> {
  if (document.moves.length === 0) return false;
  if (runtime.options.yes) return true;
  if (!runtime.interactive) return false;
  runtime.output.tell(renderLock(document, runtime.output.errorStyle));
  const { askConfirmation } = await import('../../prompts/confirm.ts');
  if (await askConfirmation(await runtime.prompts(), `Write ${document.lock}?`)) return true;
  throw new UsageError('stopped: nothing was changed', { code: 'DECLINED' });
}

export async function run({ command, args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { fleet, file } = await readFleet(runtime, options);
  const context = await runtime.connect();
  const isUpgrade = command === 'template upgrade';
  const request = isUpgrade ? ({ kind: 'upgrade', names: args } as const) : ({ kind: 'lock' } as const);
  const { moves, kept } = await decideLock(context, fleet, request);
  const lock = lockPath(file);
  const document: LockDocument = {
    format: 'pvefleet.template-lock/1',
    fleet: fleet.name,
    lock,
    moves,
    kept,
    written: false,
  };
  const written = isUpgrade ? await mayWrite(runtime, document) : moves.length > 0;
  if (written) await writeLock(runtime.path(lock), fleet.lock ?? {}, moves);
  runtime.output.result({ ...document, written }, (style) => renderLock({ ...document, written }, style));
  return options.detailedExitcode && moves.length > 0 && !written ? 7 : 0;
}
