/** Resets: observation, pure planning, and the proof afterwards. Changes nothing. */

import type { ActualContainer, ClusterSnapshot } from '../../domain/actual.ts';
import { type VerifyReport, verifyFleet } from '../../domain/converge.ts';
import type { DesiredFleet, Vmid } from '../../domain/desired.ts';
import { planReset, type ResetPlan, type ResetRequest, strategyOf } from '../../domain/lab/plan-reset.ts';
import { planRollbacks } from '../../domain/lab/plan-rollbacks.ts';
import type { Kept, ResetFacts, ResetStrategy } from '../../domain/lab/reset-facts.ts';
import { findUnkept, withFindings } from '../../domain/lab/reset-proof.ts';
import {
  matchForReset,
  namesOf,
  type ResetSelection,
  selectForReset,
} from '../../domain/lab/reset-select.ts';
import { policyFor } from '../../domain/lab/reset-strategy.ts';
import type { Match } from '../../domain/match.ts';
import type { Plan, Policy } from '../../domain/plan.ts';
import { UsageError } from '../../util/errors.ts';
import { suggest } from '../../util/suggest.ts';
import type { EngineContext } from '../context.ts';
import { planWithFiles } from '../local-files.ts';
import { withLocalTrees } from '../local-tree.ts';
import { observe } from '../observe.ts';
import { containersOf, ready } from '../plan.ts';
import { readAcls } from './acls.ts';
import { readResetFacts, withFirewalls, withReplication, withRoles } from './reset-facts.ts';

export type { ResetSelection } from '../../domain/lab/reset-select.ts';

/** How to reset. */
export interface ResetOptions {
  /** Instead of what the file says. */
  readonly strategy?: ResetStrategy | 'auto';
  /** Name of the snapshot to go back to, instead of what the file says. */
  readonly snapshot?: string;
  /** What resets that were not finished were to keep. */
  readonly unfinished?: readonly Kept[];
}

type Asked = Pick<ResetRequest, 'strategy' | 'snapshot' | 'at' | 'atOnce'>;

const askedOf = (context: EngineContext, { strategy, snapshot }: ResetOptions): Asked => ({
  at: `${new Date(context.clock.now()).toISOString().slice(0, 19)}Z`,
  atOnce: context.limits.actions,
  ...(strategy === undefined ? {} : { strategy }),
  ...(snapshot === undefined ? {} : { snapshot }),
});

/** The containers that a selection means. */
function select(
  matches: readonly Match[],
  selection: ResetSelection,
  fleet: string,
): ReturnType<typeof selectForReset> {
  const selected = selectForReset(matches, selection);
  const [unknown] = selected.unknown;
  if (unknown !== undefined) {
    const near = suggest(unknown, matches.flatMap(namesOf));
    throw new UsageError(`fleet ${fleet} has no container '${unknown}' within this selection`, {
      code: 'CONTAINER_UNKNOWN',
      hint: near === undefined ? 'see what there is: pvefleet list' : `did you mean ${near}?`,
    });
  }
  if (selected.chosen.length > 0) return selected;
  throw new UsageError(`the selection means no container of fleet ${fleet}`, {
    code: 'CONTAINER_UNKNOWN',
    hint:
      selected.skipped.length > 0
        ? `${selected.skipped.join(', ')}: what others are cloned from is reset only by its name`
        : 'see what there is: pvefleet list',
  });
}

const present = (matches: readonly Match[]): ActualContainer[] =>
  matches.flatMap(({ actual, refusals }) => (actual && refusals.length === 0 ? [actual] : []));

async function factsFor(
  context: EngineContext,
  snapshot: ClusterSnapshot,
  chosen: readonly Match[],
  options: ResetOptions,
): Promise<ResetFacts> {
  const names = new Map(
    chosen.flatMap(({ desired, actual }) =>
      actual ? [[actual.vmid, policyFor(desired, options).snapshot] as const] : [],
    ),
  );
  const nameOf = ({ vmid }: ActualContainer): string => names.get(vmid) as string;
  const facts = await readResetFacts(context, present(chosen), nameOf, options.unfinished ?? []);
  const remade = (known: ResetFacts): Match[] =>
    chosen.filter((match) => {
      const choice = strategyOf(match, snapshot, known, options);
      return choice !== undefined && 'strategy' in choice && choice.strategy !== 'rollback';
    });
  if (remade(facts).length === 0) return facts;
  const replicated = await withReplication(context, facts);
  return withFirewalls(context, replicated, present(remade(replicated)));
}

/** The fleet with what the steps of these containers copy. */
function withTrees(file: DesiredFleet, keys: Iterable<string>): Promise<DesiredFleet> {
  const meant = new Set(keys);
  return withLocalTrees(file, ({ key }) => meant.has(key));
}

/** Whether roles are to be given, whose privileges matter to whoever gives them. */
const givesRoles = ({ actions }: Plan): boolean => actions.some(({ kind }) => kind === 'access.acl');

async function readyReset(
  context: EngineContext,
  made: ResetPlan,
  snapshot: ClusterSnapshot,
): Promise<ResetPlan> {
  const whole = givesRoles(made.plan) ? await withRoles(context, snapshot) : snapshot;
  return { ...made, plan: (await ready(context, made.plan, whole)).plan };
}

/**
 * Plan of `reset -f`.
 *
 * @param file - the fleet.
 * @param selection - which of its containers.
 * @param options - strategy, snapshot, unfinished resets.
 * @param policy - what the user allows.
 * @returns the plan, and what must be as before when it was carried out.
 * @throws UsageError for a name that the fleet does not have, and for a selection that means nothing.
 */
export async function makeResetPlan(
  context: EngineContext,
  file: DesiredFleet,
  selection: ResetSelection,
  options: ResetOptions,
  policy: Policy,
): Promise<ResetPlan> {
  const snapshot = await observe(context, { fleet: file, recreate: true, settled: true });
  const unfinished = new Map((options.unfinished ?? []).map((kept) => [kept.vmid, kept]));
  const { matches } = matchForReset(file, snapshot, unfinished);
  const { chosen, skipped } = select(matches, selection, file.name);
  const facts = await factsFor(context, snapshot, chosen, options);
  const request: ResetRequest = {
    ...askedOf(context, options),
    keys: chosen.map(({ desired }) => desired.key),
    skipped,
  };
  const fleet = await withTrees(file, request.keys);
  const made = await planWithFiles(
    fleet,
    (read) => planReset(read, snapshot, facts, request, policy),
    ({ plan }) => plan,
  );
  return readyReset(context, made, snapshot);
}

/**
 * Plan of `reset` without a file: rollbacks only.
 *
 * @param vmids - containers, owned or not.
 * @throws UsageError for an id that is no container.
 */
export async function makeRollbackPlan(
  context: EngineContext,
  vmids: readonly Vmid[],
  options: ResetOptions,
  policy: Policy,
): Promise<ResetPlan> {
  const snapshot = await observe(context, { vmids, settled: true });
  const containers = containersOf(snapshot, vmids);
  const { snapshot: name } = policyFor(undefined, options);
  const facts = await readResetFacts(context, containers, () => name, options.unfinished ?? []);
  const made = planRollbacks(containers, snapshot.storages, facts, askedOf(context, options), policy);
  return readyReset(context, made, snapshot);
}

const nothingCompared = (fleet: string, { kept }: Pick<ResetPlan, 'kept'>): VerifyReport => ({
  format: 'pvefleet.verify/1',
  fleet,
  converged: true,
  containers: kept.map(({ key, vmid, node }) => ({ key, vmid, node, state: 'applied' as const })),
  findings: [],
  summary: { applied: 0, pending: 0, diverged: 0, missing: 0, unexpected: 0 },
});

/**
 * Observes anew and proves a reset: config as the file says, following from the baseline, addresses, pool and rights as
 * before.
 *
 * @param file - the fleet; undefined for a reset without one.
 * @param done - the plan that was carried out.
 * @returns the report about the containers that were reset; emits `verify.done`.
 */
export async function proveReset(
  context: EngineContext,
  file: DesiredFleet | undefined,
  done: ResetPlan,
): Promise<VerifyReport> {
  const { plan, kept } = done;
  const vmids = kept.map(({ vmid }) => vmid);
  const snapshot = await observe(context, { vmids, ...(file ? { fleet: file } : {}) });
  const keys = new Set([...kept, ...(plan.reset?.containers ?? [])].map(({ key }) => key));
  const compared = file
    ? verifyFleet(await withTrees(file, keys), snapshot, context.clock.now())
    : nothingCompared(plan.fleet, done);
  const report = withFindings(compared, keys, findUnkept(plan, kept, snapshot, await readAcls(context)));
  context.emit({ type: 'verify.done', report });
  return report;
}
