/**
 * Resets as a plan: for each chosen container back to its baseline by what storage, snapshots and mounts allow, with the
 * file on top, and everything else as it was before. Pure; the same inputs give the same bytes.
 */
import type { LxcConfig } from '../../codec/lxc-config.ts';
import type { ClusterSnapshot } from '../actual.ts';
import { assemblePlan, type ContainerPlan, extendPlan } from '../assemble.ts';
import { demandsOf, judgeCapacity } from '../capacity.ts';
import { dependencyCycle, linkContainers, withAwaited } from '../dependencies.ts';
import type { DesiredContainer, DesiredFleet } from '../desired.ts';
import { planDownloads } from '../downloads.ts';
import { nameSome } from '../drift.ts';
import type { Match } from '../match.ts';
import {
  type Action,
  makingKinds,
  type Plan,
  type PlannedReset,
  type Policy,
  type Refusal,
} from '../plan.ts';
import { createPlanContext } from '../plan-context.ts';
import { linkSources } from '../plan-copy.ts';
import type { PlanContext } from '../plan-new.ts';
import { lockedRefusal } from '../plan-remove.ts';
import { type RefusalText, refusal } from '../refusal.ts';
import { tooManyDestroyed } from '../risk.ts';
import { baselineRecord } from './baseline.ts';
import { frozenRefusals } from './frozen.ts';
import { secondsFor, secondsForAll } from './reset-estimate.ts';
import { type Kept, notesOf, type ResetFacts, type ResetStrategy } from './reset-facts.ts';
import { keptOf, netsOf } from './reset-kept.ts';
import { planRemake } from './reset-remake.ts';
import { planRollback } from './reset-rollback.ts';
import { type MatchedFleet, matchForReset } from './reset-select.ts';
import { type Choice, chooseStrategy, policyFor, remakeOf } from './reset-strategy.ts';

/** What is asked for. */
export interface ResetRequest {
  /** Keys of the chosen containers. */
  readonly keys: readonly string[];
  /** Keys that a pattern met and that are left alone. */
  readonly skipped?: readonly string[];
  /** Instead of what the file says. */
  readonly strategy?: ResetStrategy | 'auto';
  readonly snapshot?: string;
  /** When, ISO 8601 in UTC; recorded in the ownership line. */
  readonly at: string;
  /** How many are worked on at once, for the estimate. */
  readonly atOnce: number;
}

/** A plan, and what is to be as before when it is carried out. */
export interface ResetPlan {
  readonly plan: Plan;
  readonly kept: readonly Kept[];
}

/** The strategy of one container; undefined: it is not there, and only to be made. */
export function strategyOf(
  match: Match,
  snapshot: Pick<ClusterSnapshot, 'storages'>,
  facts: ResetFacts,
  request: Pick<ResetRequest, 'strategy' | 'snapshot'>,
): Choice | RefusalText | undefined {
  const { desired, actual } = match;
  if (!actual) return undefined;
  const { vmid } = actual;
  return chooseStrategy({
    desired,
    actual,
    ...policyFor(desired, request),
    snapshots: facts.snapshots.get(vmid) ?? [],
    baseline: facts.baselines.get(vmid),
    storages: snapshot.storages,
    isReplicated: facts.replicated.has(vmid),
  });
}

interface Part {
  readonly plan: ContainerPlan;
  readonly kept?: Kept;
  readonly reset?: PlannedReset;
  /** Nothing tells which steps are in the snapshot that it goes back to. */
  readonly asksInside?: boolean;
}

const sourceOf = ({ from }: DesiredContainer): string | undefined =>
  from && 'clone' in from ? from.clone : undefined;

const isLinked = ({ actions }: ContainerPlan): boolean =>
  actions.some(({ kind, request }) => kind === 'container.clone' && request.params['full'] === false);

/**
 * What will be there in the end: interfaces that the file has, or where it has none those of the baseline or of before; with
 * the MAC addresses of the file, else of the baseline, else of before. A pool that the file names is compared with the file.
 */
function expected(kept: Kept, { desired }: Match, facts: ResetFacts, strategy: ResetStrategy): Kept {
  const baseline = strategy === 'rollback' ? facts.baselines.get(kept.vmid) : undefined;
  const old = baseline ? netsOf(baseline) : kept.nets;
  const names = new Set(Object.keys(desired.nets ?? old));
  const nets = Object.entries(kept.nets).flatMap(([name, net]) => {
    const mac = desired.nets?.[name]?.mac ?? old[name]?.mac ?? net.mac;
    return names.has(name) ? [[name, mac === undefined ? net : { ...net, mac }] as const] : [];
  });
  const { pool, ...rest } = kept;
  const isOurs = desired.pool === undefined && pool !== undefined;
  return { ...rest, nets: Object.fromEntries(nets), ...(isOurs ? { pool } : {}) };
}

function planOne(context: PlanContext, match: Match, facts: ResetFacts, request: ResetRequest): Part {
  const { desired, actual } = match;
  const { key } = desired;
  const refused = (...refusals: Refusal[]): Part => ({
    plan: { key, outcome: 'refused', actions: [], refusals, notices: match.notices },
  });
  if (match.refusals.length > 0 || match.vmid === undefined) return refused(...match.refusals);
  const { vmid } = match;
  const frozen = actual ? frozenRefusals(key, actual) : [];
  if (frozen.length > 0) return refused(...frozen);
  const kept = keptOf(context.fleet.name, key, actual, vmid, facts);
  const line = { ...(kept?.line ?? { fleet: context.fleet.name, key, specDigest: '' }), reset: request.at };
  const choice = strategyOf(match, context.snapshot, facts, request);
  if (choice && 'code' in choice) return refused(refusal({ key, vmid }, choice));
  if (actual?.lock !== undefined) return refused(lockedRefusal(key, vmid, actual.lock));
  const strategy = choice?.strategy ?? remakeOf(desired);
  const why = choice?.why ?? (kept ? 'a reset that was not finished has destroyed it' : 'it is not there');
  const reason = `reset by ${strategy}: ${why}`;
  const whole: Match = { ...match, line };
  const { snapshot } = policyFor(desired, request);
  const notes = notesOf(facts, vmid, snapshot);
  const plan =
    strategy === 'rollback' && actual && kept
      ? planRollback({
          context,
          desired,
          actual,
          kept,
          facts,
          snapshot,
          baseline: facts.baselines.get(vmid) as LxcConfig,
          notes,
          at: request.at,
          why,
        })
      : planRemake({
          context: { ...context, matches: new Map(context.matches).set(key, whole) },
          match: whole,
          ...(kept ? { kept } : {}),
          facts,
          reason,
          at: request.at,
        });
  const node = kept?.node ?? desired.node;
  const seconds = secondsFor(match, strategy, isLinked(plan));
  return {
    plan,
    ...(kept ? { kept: expected(kept, match, facts, strategy) } : {}),
    asksInside:
      strategy === 'rollback' && baselineRecord(notes) === undefined && plan.actions.some(isProvisioning),
    ...(plan.actions.length > 0 ? { reset: { key, vmid, node, strategy, why, seconds } } : {}),
  };
}

const isProvisioning = ({ kind }: Action): boolean => kind === 'container.provision';

/** How many containers of one source may be gone at any time. */
const mostGone = 3;

/**
 * Lets a container be destroyed only when the one some places before it has been made again, whatever became of it: so
 * that few are gone when something comes in between.
 */
function inTurn(parts: readonly Part[], sources: ReadonlyMap<string, string | undefined>): Part[] {
  const queues = new Map<string, string[]>();
  return parts.map((part) => {
    const { plan } = part;
    const maker = plan.actions.find(({ kind }) => makingKinds.has(kind));
    if (!maker || plan.outcome !== 'recreate') return part;
    const name = sources.get(plan.key) ?? `node ${maker.target.node}`;
    const queue = queues.get(name) ?? [];
    queues.set(name, [...queue, maker.id]);
    const before = queue.at(-mostGone);
    if (before === undefined) return part;
    const first = (action: Action): Action =>
      action.dependsOn.length === 0 ? { ...action, follows: [before] } : action;
    return { ...part, plan: { ...plan, actions: plan.actions.map(first) } };
  });
}

/** Nothing is destroyed before the archive is there from which it is made again. */
function afterDownload(plan: ContainerPlan, downloads: ReadonlySet<string>): ContainerPlan {
  const needed = plan.actions.flatMap(({ dependsOn }) => dependsOn.filter((id) => downloads.has(id)));
  if (needed.length === 0) return plan;
  const actions = plan.actions.map((action) =>
    action.dependsOn.length === 0 ? { ...action, dependsOn: [...new Set(needed)] } : action,
  );
  return { ...plan, actions };
}

function permission(fleet: string, resets: readonly PlannedReset[], policy: Policy): Refusal[] {
  const keys = resets.map(({ key }) => key);
  if (keys.length === 0) return [];
  const about = keys.length === 1 ? (keys[0] as string) : fleet || 'reset';
  const what =
    keys.length === 1
      ? 'it would lose everything since its baseline'
      : `${keys.length} containers (${nameSome(keys)}) would lose everything since their baselines`;
  if (!policy.allow.destroy)
    return [
      refusal(
        { key: about },
        {
          needs: 'destroy',
          code: 'RESET_NOT_ALLOWED',
          message: what,
          hint: 'if that is what you want: --allow destroy',
        },
      ),
    ];
  const tooMany = tooManyDestroyed(about, keys, policy);
  return tooMany
    ? [{ ...tooMany, message: tooMany.message.replace('the plan destroys', 'the plan resets') }]
    : [];
}

/**
 * Puts the parts of a reset together.
 *
 * @param fleet - name; empty for containers without a file.
 */
export function assembleReset(
  fleet: string,
  parts: {
    readonly containers: readonly ContainerPlan[];
    readonly resets: readonly PlannedReset[];
    readonly shared?: readonly Action[];
  },
  seconds: number,
  policy: Policy,
): Plan {
  const { containers, resets, shared = [] } = parts;
  return assemblePlan({
    fleet,
    containers,
    shared,
    refusals: permission(fleet, resets, policy),
    reset: { containers: resets, seconds },
  });
}

/**
 * Plans the reset of containers of a fleet.
 *
 * @param file - the fleet file.
 * @param snapshot - the cluster.
 * @param facts - what else was read.
 * @param request - which containers, and when.
 * @param policy - a reset needs `allow.destroy`; `maxDestroy` counts the containers that are reset.
 * @returns the plan, and what must be as before afterwards.
 */
export function planReset(
  file: DesiredFleet,
  snapshot: ClusterSnapshot,
  facts: ResetFacts,
  request: ResetRequest,
  policy: Policy,
): ResetPlan {
  const { fleet, matches }: MatchedFleet = matchForReset(file, snapshot, facts.unfinished);
  const context = createPlanContext(fleet, snapshot, policy, matches);
  const keys = new Set(request.keys);
  const chosen = matches.filter(({ desired }) => keys.has(desired.key));
  const sources = new Map(chosen.map(({ desired }) => [desired.key, sourceOf(desired)]));
  const parts = inTurn(
    chosen.map((match) => planOne(context, match, facts, request)),
    sources,
  );
  const { plans, downloads } = planDownloads(
    parts.map(({ plan }) => plan),
    snapshot.storages,
  );
  const ids = new Set(downloads.map(({ id }) => id));
  const resets = parts.flatMap(({ reset }) => (reset ? [reset] : []));
  const seconds = secondsForAll(resets, (key) => sources.get(key), request.atOnce);
  const cycle = dependencyCycle(fleet.containers);
  const linked = linkSources(cycle ? plans : linkContainers(withAwaited(plans, chosen), fleet.containers));
  const containers = linked.map((plan) => afterDownload(plan, ids));
  const plan = assembleReset(fleet.name, { containers, resets, shared: downloads }, seconds, policy);
  const { skipped = [] } = request;
  const capacity = judgeCapacity(fleet.name, demandsOf(plan.actions, snapshot, fleet.capacity));
  const notices = [
    ...(skipped.length === 0
      ? []
      : [
          {
            severity: 'info' as const,
            code: 'RESET_SKIPPED',
            message: `${nameSome(skipped)}: what others are cloned from is not reset along with them`,
            hint: 'name it to reset it',
          },
        ]),
    ...unfinishedNotices(chosen, facts),
    ...recordNotices(parts),
    ...capacity.notices,
  ];
  return {
    plan: extendPlan(plan, { refusals: [...(cycle ? [cycle] : []), ...capacity.refusals], notices }),
    kept: parts.flatMap(({ kept }) => (kept ? [kept] : [])),
  };
}

/** One notice for all containers whose steps are looked for inside, because their snapshots tell nothing about them. */
function recordNotices(parts: readonly Part[]): Plan['notices'] {
  const keys = parts.filter(({ asksInside }) => asksInside).map(({ plan }) => plan.key);
  if (keys.length === 0) return [];
  const message = `${nameSome(keys)}: the snapshot does not tell which steps of the provisioning it holds, so each is looked for inside, and run where it is missing`;
  return [{ severity: 'info', code: 'PROVISION_UNKNOWN', message }];
}

function unfinishedNotices(chosen: readonly Match[], facts: ResetFacts): Plan['notices'] {
  const keys = chosen
    .filter(({ vmid }) => vmid !== undefined && facts.unfinished.has(vmid))
    .map(({ desired }) => desired.key);
  const lost = chosen
    .filter(
      ({ actual, vmid, refusals }) => !actual && refusals.length === 0 && !facts.unfinished.has(vmid ?? 0),
    )
    .map(({ desired }) => desired.key);
  return [
    ...(keys.length === 0
      ? []
      : [
          {
            severity: 'info' as const,
            code: 'RESET_RESUMED',
            message: `${nameSome(keys)}: a reset was not finished; addresses, rights, pool and state are put back as they were before it`,
          },
        ]),
    ...(lost.length === 0
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'RESET_MISSING',
            message: `${nameSome(lost)}: not there, and made as the file says; MAC addresses and rights that it does not name are not known`,
          },
        ]),
  ];
}
