/** The resets that a tick has found due: planned, carried out under the record of unfinished ones, and proved. */
import type { VerifyReport } from '../domain/converge.ts';
import type { DesiredFleet } from '../domain/desired.ts';
import type { Policy, Refusal } from '../domain/plan.ts';
import { applyPlan } from '../engine/apply.ts';
import type { EngineContext } from '../engine/context.ts';
import { makeResetPlan, proveReset } from '../engine/lab/reset.ts';
import { resetRecordIn, underRecord } from '../engine/lab/reset-record.ts';
import type { ApplyReport } from '../engine/report.ts';
import type { Waves } from '../engine/waves.ts';
import { renderPlan } from '../render/plan.ts';
import { resetRecordPath } from './reset-record-path.ts';
import type { Runtime } from './runtime.ts';

/** What came of the resets. */
export interface ResetOutcome {
  readonly report: ApplyReport;
  /** Containers that stayed out, and why. */
  readonly left: readonly Refusal[];
  readonly proof?: VerifyReport;
}

/** Which resets, and how. */
export interface DueResets {
  readonly fleet: DesiredFleet;
  readonly keys: readonly string[];
  readonly policy: Policy;
  /** ms since the epoch; recorded, so that the next tick knows that it was done. */
  readonly now: number;
  readonly waves: Waves;
}

/** A clock that shows another time; what was done at `--at` is recorded as done then. */
function contextAt(context: EngineContext, now: number): EngineContext {
  const { clock } = context;
  const ahead = now - clock.now();
  return {
    ...context,
    clock: { now: () => clock.now() + ahead, sleep: (ms, signal) => clock.sleep(ms, signal) },
  };
}

/**
 * Carries out resets.
 *
 * @param runtime - output and interrupts.
 * @param context - connection.
 * @param due - which; the file that says so is the permission.
 * @returns what came of it; undefined when something stands against each of them.
 */
export async function carryOutResets(
  runtime: Runtime,
  context: EngineContext,
  due: DueResets,
): Promise<ResetOutcome | { readonly left: readonly Refusal[] }> {
  const { fleet, now, waves } = due;
  const record = resetRecordIn(resetRecordPath(runtime.host, context.pve.url, fleet.name));
  const unfinished = await record.read();
  const policy: Policy = {
    ...due.policy,
    allow: { ...due.policy.allow, destroy: true },
    maxDestroy: Number.POSITIVE_INFINITY,
  };
  const plan = (names: readonly string[]) =>
    makeResetPlan(contextAt(context, now), fleet, { names }, { unfinished }, policy);
  let keys = due.keys;
  let made = await plan(keys);
  const left: Refusal[] = [];
  // what stands against one of them keeps only that one
  while (made.plan.refusals.length > 0) {
    const refused = new Set(made.plan.refusals.map(({ key }) => key));
    left.push(...made.plan.refusals);
    const others = keys.filter((key) => !refused.has(key));
    if (others.length === 0 || others.length === keys.length) return { left };
    keys = others;
    made = await plan(keys);
  }
  const { output, interrupts } = runtime;
  if (output.format === 'human') output.say(renderPlan(made.plan, output.errorStyle));
  const report = await underRecord(record, made.kept, () =>
    interrupts.whileApplying(() => applyPlan(context, made.plan, waves)),
  );
  if (report.interrupted) return { report, left };
  return { report, left, proof: await proveReset(context, fleet, made) };
}
