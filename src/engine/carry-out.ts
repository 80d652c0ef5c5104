/** One action, from the request to its end: sent, waited for, tried again where that is safe. */
import { PveConflictError } from '../api/errors/conflict-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import type { RequestOptions } from '../api/types.ts';
import { type Action, makingKinds } from '../domain/plan.ts';
import { abortable } from '../util/abort.ts';
import { chooseNextVmid, occupantOf } from './choose-vmid.ts';
import type { EngineContext } from './context.ts';
import { hasVolume, volumeOf } from './effects.ts';
import {
  IndeterminateError,
  InterruptedError,
  isGone,
  isNoQuorum,
  mayHaveHappened,
  passingObstacle,
  reasonOf,
} from './failures.ts';
import { doingOf, followTask, type Outcome } from './follow-task.ts';
import { prepareRequest, type ReadyRequest } from './prepare-request.ts';
import { type LostRequest, recover, watchTasks } from './recover.ts';
import type { RunState } from './run-state.ts';

/** How long to wait for the answer to a request that is under way when the user stops waiting, in milliseconds. */
const graceMs = 1_000;
/** How often a request without trace is sent anew. */
const maxResends = 2;

const unchanged: Outcome = { result: 'unchanged' };

/**
 * Sends a request and waits for the answer. When the user stops waiting, the answer gets a moment more: it holds the
 * UPID that he must be told.
 */
async function send(
  context: EngineContext,
  request: ReadyRequest,
  options: RequestOptions,
): Promise<unknown> {
  // not given the signal: a write is never cut off on its way
  const answer = context.pve.request(request, options);
  try {
    return await abortable(answer, context.signal);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    const patience = new AbortController();
    const tooLate = context.clock.sleep(graceMs, patience.signal).then(() => {
      throw error;
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      tooLate.catch(() => undefined); // raced and lost: its rejection has no reader any more
      patience.abort(error);
    }
  }
}

/** Whether the error says that the action's effect is there already. */
function isAlreadyDone(action: Action, error: unknown): boolean {
  if (!(error instanceof PveError)) return false;
  const kind = error instanceof PveConflictError ? error.kind : undefined;
  const reason = reasonOf(error);
  switch (action.kind) {
    case 'container.start':
      return kind === 'running' || /already running/.test(reason);
    case 'container.stop':
    case 'container.shutdown':
      return kind === 'not-running' || /CT \d+ not running/.test(reason);
    case 'container.template':
      return /convert a template to a template/.test(reason);
    case 'ha.remove':
      return /no such (?:ha )?resource/.test(reason);
    case 'container.resize-disk':
      return /already at specified size/.test(reason);
    default:
      return false;
  }
}

/** A container that is not on its node may have moved: only when the cluster does not have it either is it gone. */
async function isGoneEverywhere(context: EngineContext, vmid: number): Promise<boolean> {
  const rows = await context.pve.get('/cluster/resources', { type: 'vm' }, { signal: context.signal });
  return !rows.some((row) => Number(row.vmid) === vmid);
}

/** How an attempt went: with an outcome, or to be tried again at once. */
type Attempt = { readonly outcome: Outcome } | 'again';

/** One action while it is under way. */
interface Progress {
  /** An earlier attempt may have reached the server. */
  lost: boolean;
  resends: number;
  /** Waits for locks so far. */
  waits: number;
}

async function attempt(
  context: EngineContext,
  run: RunState,
  action: Action,
  progress: Progress,
): Promise<Attempt> {
  const request = await prepareRequest(context, run, action);
  const sentAt = context.clock.now();
  const lost: LostRequest = { action, request, vmid: run.vmidOf(action), sentAt };
  const find = await watchTasks(context, lost);
  let answer: unknown;
  try {
    answer = await send(context, request, {});
  } catch (error) {
    return meetRefusal(context, run, lost, progress, error);
  }
  return { outcome: await followTask(context, run, action, find ? await find() : answer) };
}

async function meetRefusal(
  context: EngineContext,
  run: RunState,
  sent: LostRequest,
  progress: Progress,
  error: unknown,
): Promise<Attempt> {
  const { action, vmid } = sent;
  const doing = doingOf(action, vmid);
  if (context.signal.aborted) throw new IndeterminateError(`stopped waiting (${doing})`, { cause: error });
  if (mayHaveHappened(error)) {
    progress.lost = true;
    const verdict = await recover(context, sent, reasonOf(error)).catch((cause: unknown) => {
      throw new IndeterminateError(`lost the connection (${doing})`, { cause });
    });
    if (verdict.kind === 'happened') {
      return { outcome: await followTask(context, run, action, verdict.upid) };
    }
    progress.resends += 1;
    if (verdict.kind === 'resend' && progress.resends <= maxResends) return 'again';
    throw new IndeterminateError(`lost the connection (${doing})`, { cause: error });
  }
  if (isAlreadyDone(action, error)) return { outcome: progress.lost ? { result: 'ok' } : unchanged };
  if (vmid !== undefined && action.kind === 'container.destroy' && isGone(error)) {
    if (await isGoneEverywhere(context, vmid))
      return { outcome: progress.lost ? { result: 'ok' } : unchanged };
  }
  if (makingKinds.has(action.kind) && isTaken(error) && vmid !== undefined) {
    const ours = progress.lost && (await occupantOf(context, action, action.target.node, vmid)) === 'ours';
    if (ours) return { outcome: { result: 'ok' } };
    if (action.precondition.kind === 'vmid-free' && action.precondition.flexible) {
      await chooseNextVmid(context, run, action);
      return 'again';
    }
  }
  throw error;
}

function isTaken(error: unknown): boolean {
  return (
    (error instanceof PveConflictError && error.kind === 'exists') ||
    (error instanceof PveError && /(?:CT|VM) \d+ already exists/.test(error.reason))
  );
}

/** Waits before the next try; the wait ends early when the run ends. */
async function waitForLock(
  context: EngineContext,
  action: Action,
  progress: Progress,
  because: string,
): Promise<void> {
  progress.waits += 1;
  const bound = Math.min(15_000, 1_000 * 2 ** (progress.waits - 1));
  const inMs = Math.round(bound * (0.5 + 0.5 * context.random()));
  context.emit({ type: 'retry', id: action.id, attempt: progress.waits, inMs, because });
  const ending = AbortSignal.any([context.signal, context.drain]);
  await context.clock.sleep(inMs, ending).catch((error: unknown) => {
    // nothing was changed so far, so the action counts as not tried
    if (ending.aborted) throw new InterruptedError();
    throw error;
  });
}

/** A template that is there already needs no request at all. */
async function isThere(context: EngineContext, action: Action): Promise<boolean> {
  const volume = action.kind === 'template.download' ? volumeOf(action) : undefined;
  return volume !== undefined && hasVolume(context, volume.node, volume.storage, volume.volid);
}

/**
 * Carries out one action.
 *
 * @returns how it ended, when it did not fail.
 * @throws PveError, TaskFailedError, StalePlanError or UsageError when it failed; IndeterminateError when that cannot be
 *   told; InterruptedError when it was not tried.
 */
export async function carryOut(context: EngineContext, run: RunState, action: Action): Promise<Outcome> {
  if (await isThere(context, action)) return unchanged;
  const giveUpAt = context.clock.now() + context.limits.lockWaitMs;
  const progress: Progress = { lost: false, resends: 0, waits: 0 };
  for (;;) {
    try {
      const result = await attempt(context, run, action, progress);
      if (result !== 'again') return result.outcome;
    } catch (error) {
      if (isNoQuorum(error)) run.stop ??= 'the cluster has no quorum';
      const because = passingObstacle(error);
      if (because === undefined || context.clock.now() >= giveUpAt) throw error;
      await waitForLock(context, action, progress, because);
    }
  }
}
