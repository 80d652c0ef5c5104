/** Notes in the ownership line that a step was run, so that planning needs no console. Reads, changes and writes the line. */
import { PveConflictError } from '../api/errors/conflict-error.ts';
import { joinDescription, splitDescription } from '../codec/description.ts';
import { recordAfter } from '../domain/provision.ts';
import { messageOf } from '../util/errors.ts';
import type { EngineContext } from './context.ts';
import { IndeterminateError } from './failures.ts';
import { warn } from './notices.ts';
import { readRawConfig } from './read-container.ts';
import { judge, reasonOf } from './verdicts.ts';

/** A step that was run. */
export interface RecordedStep {
  /** Of the action, for events. */
  readonly id: string;
  readonly key: string;
  readonly node: string;
  readonly vmid: number;
  readonly digest: string;
  /** Of all steps of the file. */
  readonly digests: readonly string[];
}

/** Waits between tries, in milliseconds; others may hold the lock of the config, or change it at the same time. */
const firstPauseMs = 300;
const longestPauseMs = 10_000;

async function write(context: EngineContext, step: RecordedStep): Promise<void> {
  const { node, vmid, key, digest, digests } = step;
  const { next, digest: config } = await readRawConfig(context, node, vmid);
  const { text, ownership } = splitDescription(next['description'] ?? '');
  if (!ownership) {
    warn(
      context,
      'NOT_RECORDED',
      `${key}: its ownership line is gone, so it cannot be noted what was run inside`,
    );
    return;
  }
  const provision = recordAfter(ownership, digests, digest);
  if (provision === ownership.provision) return;
  const description = joinDescription(text, { ...ownership, provision });
  const params = { node, vmid, description, digest: config };
  await context.pve.put('/nodes/{node}/lxc/{vmid}/config', params);
}

/** Whether the same may succeed in a moment: locked, changed by somebody meanwhile, or not known whether it arrived. */
function mayPass(error: unknown): boolean {
  if (error instanceof PveConflictError && error.kind === 'digest') return true;
  return ['wait', 'repeat', 'look'].includes(judge(error).verdict);
}

/**
 * Records a step in the ownership line of its container; repeating it does no harm.
 *
 * @param context - client, clock, limits.
 * @param step - what was run.
 * @throws IndeterminateError when that cannot be written; the marker inside the container still knows it.
 */
export async function recordStep(context: EngineContext, step: RecordedStep): Promise<void> {
  const giveUpAt = context.clock.now() + context.limits.lockWaitMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await write(context, step);
      return;
    } catch (cause) {
      if (!mayPass(cause) || context.signal.aborted || context.clock.now() >= giveUpAt)
        throw new IndeterminateError(`the step was run, but that could not be noted: ${messageOf(cause)}`, {
          cause,
          hint: 'apply again: that finds out inside the container what was run, and notes it',
        });
      const inMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + context.random());
      context.emit({ type: 'retry', id: step.id, attempt, inMs: Math.round(inMs), because: reasonOf(cause) });
      await context.clock.sleep(inMs, context.signal);
    }
  }
}
