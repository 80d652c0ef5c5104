/**
 * The way of every change: plan → show → refuse or ask → apply with progress → prove → report. Fleet commands and single
 * steps differ only in what they hand in here.
 */

import type { VerifyReport } from '../domain/converge.ts';
import { isAboutRights } from '../domain/judge-rights.ts';
import type { Plan, Policy, Refusal } from '../domain/plan.ts';
import { applyPlan, applySavedPlan, assertApplied } from '../engine/apply.ts';
import type { EngineContext } from '../engine/context.ts';
import { PlanRefusedError } from '../engine/errors.ts';
import type { ApplyReport } from '../engine/report.ts';
import type { Waves } from '../engine/waves.ts';
import { renderApplyJunit } from '../render/junit.ts';
import { renderApplyMarkdown } from '../render/markdown.ts';
import { renderPlan } from '../render/plan.ts';
import { renderApply, renderVerify } from '../render/report.ts';
import type { Style } from '../render/style.ts';
import { type ExitCode, UsageError } from '../util/errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { allowDestroy, destroyedBy, liftableByTyping, policyOf } from './policy.ts';
import type { Runtime } from './runtime.ts';
import { wavesFlags } from './waves.ts';

/** One change to carry out. */
export interface Change {
  /** Makes the plan; called again when the person on the terminal allows destructions. */
  readonly plan: (policy: Policy) => Promise<Plan>;
  readonly policy?: Policy;
  /** What must be typed before a destruction: the fleet's or the container's name, or how many there are. */
  readonly name: string | ((plan: Plan) => string);
  /**
   * When an ordinary confirmation is needed: `always` (without a terminal it takes `--yes`), `disruptive` (only on a
   * terminal, and only for what interrupts a service), or `never`.
   */
  readonly confirm: 'always' | 'disruptive' | 'never';
  /** Verb of what is lost, when it is less than the containers. */
  readonly loss?: string;
  /** The plan was saved earlier: check that it still fits. */
  readonly saved?: true;
  /** Some containers may be restarted when somebody says so: `restart: ask`. */
  readonly asksRestart?: boolean;
  /** Put around the carrying out. */
  readonly around?: (apply: () => Promise<ApplyReport>) => Promise<ApplyReport>;
  /** So many containers at once, unless flags say otherwise. */
  readonly waves?: Waves;
  /** Observes anew after the apply. */
  readonly prove?: () => Promise<VerifyReport>;
  /** Said when there is nothing to do. */
  readonly nothing: string;
  /** What the command has to say beside, or in programs' documents instead of, the report of its steps. */
  readonly document?: (report: ApplyReport) => Promise<ChangeDocument>;
}

/** A document of a command's own. */
interface ChangeDocument {
  readonly document: { readonly format: string };
  /** Comes after the report. */
  readonly human: (style: Style) => string;
  readonly markdown: () => string;
}

/** Single steps have no fleet to name. */
function refusedError(plan: Plan): PlanRefusedError {
  const { fleet, refusals } = plan;
  const texts = [...new Set(refusals.map((refusal) => refusal.message))];
  return new PlanRefusedError({
    fleet,
    refusals,
    ...(fleet === '' ? { message: `refused: ${texts.join('; ')}` } : {}),
  });
}

/** Refuses what needs more permission than was given; returns whether a name was typed for it. */
async function authorise(runtime: Runtime, plan: Plan, policy: Policy, change: Change): Promise<boolean> {
  // the rights of whoever saved a plan do not matter; those of this account are looked at before the first step
  const counts = (one: Refusal): boolean => !(change.saved && isAboutRights(one));
  if (plan.refusals.some(counts)) throw refusedError(plan);
  const doomed = destroyedBy(plan);
  if (doomed.length === 0 || policy.allow.destroy || policy.allow.recreate) return false;
  if (!runtime.interactive) {
    throw new PlanRefusedError({
      fleet: plan.fleet,
      message: `refused: this ${change.loss ?? 'destroys'} ${doomed.join(', ')}`,
      hint: 'allow it with --allow destroy if that is what you want',
    });
  }
  const { askToType } = await import('../prompts/confirm.ts');
  const names = doomed.length > 12 ? `${doomed.length} containers` : doomed.join(', ');
  const name = typeof change.name === 'string' ? change.name : change.name(plan);
  const what =
    change.loss === undefined ? `This destroys ${names} with all data.` : `This ${change.loss} ${names}.`;
  if (!(await askToType(await runtime.prompts(), what, name))) throw declined();
  return true;
}

function declined(): UsageError {
  return new UsageError('stopped: nothing was changed', { code: 'DECLINED' });
}

async function confirm(runtime: Runtime, plan: Plan, change: Change): Promise<void> {
  const disruptive = plan.actions.some((action) => action.risk !== 'safe');
  if (runtime.options.yes || change.confirm === 'never') return;
  if (change.confirm === 'disruptive' && !(disruptive && runtime.interactive)) return;
  if (!runtime.interactive) {
    throw new UsageError('this needs a confirmation, and there is no terminal to ask', {
      code: 'NO_TERMINAL',
      hint: 'look at the plan first (pvefleet plan), then add --yes',
    });
  }
  const { askConfirmation } = await import('../prompts/confirm.ts');
  if (!(await askConfirmation(await runtime.prompts(), 'Carry this out?'))) throw declined();
}

/** Shows the plan where a person may look at it. */
function show(runtime: Runtime, plan: Plan): void {
  const { output } = runtime;
  const asked = runtime.interactive && !runtime.options.yes;
  if (asked) output.tell(renderPlan(plan, output.errorStyle));
  else if (output.format === 'human') output.say(renderPlan(plan, output.errorStyle));
}

/** `restart: ask`: on a terminal somebody can be asked; `--yes` is no answer to that. */
async function askRestart(runtime: Runtime, plan: Plan, policy: Policy): Promise<boolean> {
  const waiting = plan.notices.filter(({ code }) => code === 'RESTART_NEEDED');
  const isOpen = waiting.length > 0 && plan.refusals.length === 0 && !policy.allow.restart;
  if (!isOpen || !runtime.interactive || runtime.options.yes) return false;
  for (const { message } of waiting) runtime.output.tell(message);
  const { askConfirmation } = await import('../prompts/confirm.ts');
  return askConfirmation(await runtime.prompts(), 'Restart them as part of this, where the file says ask?');
}

/** Plans, on a terminal with destructions where a typed name can allow them, and gets the permission to go on. */
async function decide(runtime: Runtime, change: Change): Promise<Plan> {
  const { options } = runtime;
  const policy = change.policy ?? policyOf(options, false);
  let plan = await change.plan(policy);
  const lifted = runtime.interactive && liftableByTyping(plan.refusals, options);
  const effective = lifted ? allowDestroy(policy, options) : policy;
  if (lifted) plan = await change.plan(effective);
  if (change.asksRestart && (await askRestart(runtime, plan, policy)))
    plan = await change.plan({ ...effective, allow: { ...effective.allow, restart: true } });
  if (plan.actions.length > 0 || plan.refusals.length > 0) show(runtime, plan);
  const typed = await authorise(runtime, plan, policy, change);
  if (plan.actions.length > 0 && !typed) await confirm(runtime, plan, change);
  return plan;
}

function summary(report: ApplyReport, proof: VerifyReport | undefined, runtime: Runtime): string {
  const { style } = runtime.output;
  return renderApply(report, style) + (proof === undefined ? '' : renderVerify(proof, style));
}

/**
 * Carries out a change and reports it.
 *
 * @param runtime - output and questions.
 * @param context - connection.
 * @param change - what to do.
 * @returns the exit code: 0, 5 when something failed, 130 when interrupted.
 * @throws PlanRefusedError (6) and UsageError (2) before anything is written.
 */
export async function carryOut(runtime: Runtime, context: EngineContext, change: Change): Promise<ExitCode> {
  const { output, interrupts, options } = runtime;
  const waves = { ...change.waves, ...wavesFlags(options) };
  const plan = await decide(runtime, change);
  const run = change.saved ? applySavedPlan : applyPlan;
  const how = { failFast: options.failFast === true, skipStale: options.skipStale === true, ...waves };
  const apply = (): Promise<ApplyReport> => interrupts.whileApplying(() => run(context, plan, how));
  const report = await (change.around && plan.actions.length > 0 ? change.around(apply) : apply());
  context.emit({ type: 'run.done', report });
  let failure: unknown;
  try {
    assertApplied(report);
  } catch (error) {
    failure = error;
  }
  const proof =
    plan.actions.length > 0 && change.prove && !report.interrupted ? await change.prove() : undefined;
  const document = proof === undefined ? report : { ...report, verify: proof };
  // An action finds out as the last one that there is nothing to do, for example that a template is there already.
  const idle = report.actions.every((action) => action.result === 'unchanged');
  const own = report.interrupted ? undefined : await change.document?.(report);
  const told = (): string => (idle ? `${change.nothing}\n` : summary(report, proof, runtime));
  output.result(own?.document ?? document, (style) => `${told()}${own?.human(style) ?? ''}`, {
    markdown: own?.markdown ?? ((): string => renderApplyMarkdown(report, proof)),
    junit: () => renderApplyJunit(report, proof),
  });
  if (failure !== undefined) {
    output.error(failure);
    return exitCodeOf(failure);
  }
  if (proof && proof.summary.diverged + proof.summary.missing > 0) {
    output.tell('The cluster is not as planned although every step succeeded; see above.');
    return 5;
  }
  return 0;
}
