/** `template lock` and `template upgrade`: reads what there is, decides, and writes `templates.lock`. */
import type { DesiredFleet } from '../domain/desired.ts';
import { type LockMove, type LockPlan, lockable, planLock } from '../domain/lock-templates.ts';
import type { TemplateLock } from '../domain/template-source.ts';
import { encodeLock } from '../spec/lock.ts';
import { messageOf, UsageError } from '../util/errors.ts';
import { suggest } from '../util/suggest.ts';
import type { EngineContext } from './context.ts';
import { withLocalFiles } from './local-files.ts';
import { readStorages } from './observe-storages.ts';
import { replaceFile } from './replace-file.ts';
import { decodeResources } from './resources.ts';
import { readTemplates } from './template-store.ts';

/** The document `pvefleet.template-lock/1`. */
export interface LockDocument {
  readonly format: 'pvefleet.template-lock/1';
  readonly fleet: string;
  /** Path of the lock file. */
  readonly lock: string;
  readonly moves: readonly LockMove[];
  /** References that stay as they are. */
  readonly kept: readonly string[];
  /** Whether the file was written. */
  readonly written: boolean;
}

/** What is to be done: pin what is not pinned, or move all or some to the newest. */
export type LockRequest = Parameters<typeof planLock>[2];

function checkNames(fleet: DesiredFleet, names: readonly string[]): void {
  const known = [...lockable(fleet).keys()];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = suggest(unknown, known);
  throw new UsageError(`no container of ${fleet.name} uses the template '${unknown}'`, {
    hint: near === undefined ? `they use: ${known.join(', ') || 'volumes only'}` : `did you mean ${near}?`,
  });
}

/**
 * Reads storages and catalogue and decides what the lock file should hold.
 *
 * @param fleet - the file with its present lock.
 * @param request - lock or upgrade.
 * @returns what moves; changes nothing.
 * @throws UsageError for a name that the fleet does not use, and when nothing fits a reference.
 */
export async function decideLock(
  context: EngineContext,
  fleet: DesiredFleet,
  request: LockRequest,
): Promise<LockPlan> {
  if (request.kind === 'upgrade') checkNames(fleet, request.names);
  const rows = await context.pve.get('/cluster/resources', {}, { signal: context.signal });
  const resources = decodeResources(rows);
  const storages = await readStorages(context, resources, fleet);
  const { nodes } = resources;
  const templates = await readTemplates(context, { nodes, storages }, 'all');
  const used = new Set(fleet.containers.map(({ template }) => template));
  const plan = planLock((await withLocalFiles(fleet, used)) ?? fleet, { storages, ...templates }, request);
  const [problem] = plan.problems;
  if (problem) {
    const { code, message, hint } = problem.diagnostic;
    throw new UsageError(message, { code, hint, details: { problems: plan.problems } });
  }
  return plan;
}

/**
 * Writes the lock file; the same lock gives the same bytes.
 *
 * @param path - `templates.lock` beside the fleet file.
 * @param lock - the present lock.
 * @param moves - what changes in it.
 * @throws UsageError when it cannot be written.
 */
export async function writeLock(path: string, lock: TemplateLock, moves: readonly LockMove[]): Promise<void> {
  const moved = Object.fromEntries(moves.map(({ name, to }) => [name, to]));
  try {
    await replaceFile(path, encodeLock({ ...lock, ...moved }), 0o644);
  } catch (cause) {
    throw new UsageError(`cannot write ${path}: ${messageOf(cause)}`, { code: 'LOCK_UNWRITABLE', cause });
  }
}
