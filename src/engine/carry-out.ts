/** One action, from the request to its end: sent, waited for, tried again where that is safe. */
import { PveConflictError } from '../api/errors/conflict-error.ts';
import { PvePermissionError } from '../api/errors/permission-error.ts';
import { PveError } from '../api/errors/pve-error.ts';
import { TaskFailedError } from '../api/errors/task-error.ts';
import type { RequestOptions } from '../api/types.ts';
import { fetchesTemplate } from '../domain/fetch-template.ts';
import { expiryTag, isMarkerTag, ownershipTag } from '../domain/field-row.ts';
import { withoutExpiryTags } from '../domain/lab/expiry.ts';
import { withTagLeft } from '../domain/lab/frozen.ts';
import { tagRefused, tagRefusedHint, withoutOwnershipTag } from '../domain/ownership.ts';
import { type Action, type ActionKind, makingKinds } from '../domain/plan.ts';
import { abortable } from '../util/abort.ts';
import { chooseNextVmid, occupantOf } from './choose-vmid.ts';
import type { EngineContext } from './context.ts';
import { hasVolume, volumeOf } from './effects.ts';
import { IndeterminateError, InterruptedError, isGone } from './failures.ts';
import { doingOf, followTask, type Outcome } from './follow-task.ts';
import { checkUpload } from './local-files.ts';
import { warn } from './notices.ts';
import { findRunningTask } from './own-tasks.ts';
import { prepareRequest, type ReadyRequest } from './prepare-request.ts';
import { type LostRequest, recover, watchTasks } from './recover.ts';
import { requestText } from './request-text.ts';
import { isCongested } from './rooms.ts';
import type { RunState } from './run-state.ts';
import { judge, reasonOf } from './verdicts.ts';

/** How long to wait for the answer to a request that is under way when the user stops waiting, in milliseconds. */
const graceMs = 1_000;
/** How often a request without trace is sent anew. */
const maxResends = 2;
/** How often a request that did not reach its node is sent anew, beyond what the client has tried. */
const maxRepeats = 3;

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

/** Texts that say that the effect is there already, by what is to be done. */
const alreadyDone: Readonly<Partial<Record<ActionKind, RegExp>>> = {
  'container.start': /already running/,
  'container.stop': /not running/,
  'container.configure': /pool member/,
  'container.shutdown': /not running/,
  'container.resize-disk': /already at specified size/,
  // PVE: a file of that name came in between; names are what counts
  'template.download': /refusing to override existing file/,
  'container.template': /convert a template to a template/,
  'ha.remove': /no such (?:ha )?resource/,
  'role.create': /role '[^']*' already exists/,
  'role.delete': /role '[^']*' does not exist/,
  'pool.create': /pool '[^']*' already exists/,
  'pool.delete': /pool '[^']*' does not exist/,
  'pool.remove-member': /is not a pool member/,
  'user.delete': /no such user/,
};

/** Whether the error says that the action's effect is there already. */
function isAlreadyDone(action: Action, error: unknown): boolean {
  return judge(error).verdict === 'done' && (alreadyDone[action.kind]?.test(reasonOf(error)) ?? false);
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
  /** Repetitions after a node could not be reached. */
  repeats: number;
}

/** Percentages of an upload, as a download's log has them. */
function uploadProgress(context: EngineContext, { id, request }: Action): RequestOptions {
  const total = request.upload?.sizeBytes;
  if (total === undefined || total === 0) return {};
  let percent = -1;
  return {
    onSent: (bytes) => {
      const now = Math.floor((bytes / total) * 100);
      if (now === percent) return;
      percent = now;
      context.emit({ type: 'task.progress', id, percent });
    },
  };
}

async function attempt(
  context: EngineContext,
  run: RunState,
  action: Action,
  progress: Progress,
): Promise<Attempt> {
  const request = await prepareRequest(context, run, action);
  const sentAt = context.clock.now();
  const { followed } = run;
  const lost: LostRequest = { action, request, vmid: run.vmidOf(action), sentAt, followed };
  const find = await watchTasks(context, lost);
  let answer: unknown;
  try {
    if (request.upload) await checkUpload(request.upload);
    answer = await send(context, request, uploadProgress(context, action));
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
  if (judge(error).verdict === 'look') {
    progress.lost = true;
    run.lost.add(action.id);
    run.places.get(action.id)?.congested(isCongested(reasonOf(error)));
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
  if (goesTagless(context, run, sent, error)) return 'again';
  if (vmid !== undefined && action.kind === 'container.destroy' && isGone(error)) {
    if (await isGoneEverywhere(context, vmid))
      return { outcome: progress.lost ? { result: 'ok' } : unchanged };
  }
  // with the same password, which nobody else knows: it was us, later than we waited
  if (action.kind === 'user.create' && progress.lost && /user '[^']*' already exists/.test(reasonOf(error)))
    return { outcome: { result: 'ok' } };
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

/** The tag of a boost or a freeze is not for this account: this action goes on without changing it, if the notes tell it. */
function leavesTag(
  context: EngineContext,
  run: RunState,
  { id }: Action,
  request: ReadyRequest,
  tag: string,
): boolean {
  const left = run.leftTags.get(id) ?? new Set<string>();
  if (left.has(tag) || !withTagLeft(request, tag)) return false;
  if (![...run.leftTags.values()].some((tags) => tags.has(tag)))
    warn(
      context,
      'TAG_REFUSED',
      `this account may not change the tag ${tag}, so it stays as it is, and the notes alone tell what counts`,
      tagRefusedHint,
    );
  run.leftTags.set(id, new Set([...left, tag]));
  return true;
}

/**
 * A tag of ours is not for this account, which it was not told before: nothing was written, and the next try goes without it.
 * PVE: a call with such a tag is refused as a whole, before anything is done.
 */
function goesTagless(
  context: EngineContext,
  run: RunState,
  { action, request }: LostRequest,
  error: unknown,
): boolean {
  if (!(error instanceof PvePermissionError)) return false;
  const [, tag = ''] = /for modifying tag '([^']*)'/.exec(error.reason) ?? [];
  if (expiryTag.test(tag)) {
    if (!withoutExpiryTags(request)) return false;
    run.hasNoEndTags = true;
    return true;
  }
  if (isMarkerTag(tag)) return leavesTag(context, run, action, request, tag);
  // what was sent without it already is refused for good
  if (tag !== ownershipTag || !withoutOwnershipTag(request)) return false;
  if (!run.isTagless) {
    run.isTagless = true;
    warn(context, 'TAG_REFUSED', `${tagRefused}: ${error.reason}`, tagRefusedHint);
  }
  return true;
}

function isTaken(error: unknown): boolean {
  return (
    (error instanceof PveConflictError && error.kind === 'exists') ||
    (error instanceof PveError && /(?:CT|VM) \d+ already exists/.test(error.reason))
  );
}

/** Waits before the next try; the wait ends early when the run ends. */
async function waitABit(
  context: EngineContext,
  run: RunState,
  action: Action,
  progress: Progress,
  because: string,
): Promise<void> {
  progress.waits += 1;
  const bound = Math.min(15_000, 1_000 * 2 ** (progress.waits - 1));
  const inMs = Math.round(bound * (0.5 + 0.5 * context.random()));
  context.emit({ type: 'retry', id: action.id, attempt: progress.waits, inMs, because });
  const isBegun = run.begun.has(action.target.key);
  const ending = isBegun ? context.signal : AbortSignal.any([context.signal, context.drain]);
  await context.clock.sleep(inMs, ending).catch((error: unknown) => {
    // nothing was changed so far, so the action counts as not tried
    if (ending.aborted) throw new InterruptedError();
    throw error;
  });
}

/** A template that is there already needs no request at all. */
async function isThere(context: EngineContext, action: Action): Promise<boolean> {
  const volume = fetchesTemplate(action) ? volumeOf(action) : undefined;
  return volume !== undefined && hasVolume(context, volume.node, volume.storage, volume.volid);
}

/** The same download, begun by an earlier run and still under way: how it ended, unless it failed. */
async function earlierDownload(
  context: EngineContext,
  run: RunState,
  action: Action,
): Promise<Outcome | undefined> {
  const template = requestText(action.request, 'template');
  if (action.kind !== 'template.download' || template === undefined) return undefined;
  const upid = await findRunningTask(context, action.target.node, 'download', template);
  if (upid === undefined) return undefined;
  return followTask(context, run, action, upid).catch((error: unknown) => {
    if (error instanceof TaskFailedError) return undefined; // our turn
    throw error;
  });
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
  const earlier = await earlierDownload(context, run, action);
  if (earlier) return earlier;
  const giveUpAt = context.clock.now() + context.limits.lockWaitMs;
  const progress: Progress = { lost: false, resends: 0, waits: 0, repeats: 0 };
  for (;;) {
    try {
      const result = await attempt(context, run, action, progress);
      if (result !== 'again') return result.outcome;
    } catch (error) {
      if (isAlreadyDone(action, error)) return progress.lost ? { result: 'ok' } : unchanged;
      const { verdict } = judge(error);
      if (verdict === 'stop') run.stop ??= `nothing else can succeed: ${reasonOf(error)}`;
      if (verdict === 'repeat') progress.repeats += 1;
      if (verdict === 'wait') run.places.get(action.id)?.congested(isCongested(reasonOf(error)));
      const mayPass = verdict === 'wait' || (verdict === 'repeat' && progress.repeats <= maxRepeats);
      if (!mayPass || context.clock.now() >= giveUpAt) throw error;
      await waitABit(context, run, action, progress, reasonOf(error));
    }
  }
}
