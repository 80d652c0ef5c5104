/** Single steps on existing containers, owned or not: start, stop, shutdown, restart, delete. */
import type { Diagnostic } from '../util/diagnostic.ts';
import { rebootAction, shutdownAction, startAction, stopAction, type Target } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import { assemblePlan, type ContainerPlan } from './assemble.ts';
import { frozenRefusals } from './lab/frozen.ts';
import { labelContainers } from './labels.ts';
import { ownerName } from './ownership.ts';
import type { Action, Plan, Policy, Refusal } from './plan.ts';
import { lockedRefusal, planRemoval } from './plan-remove.ts';
import { type RefusalText, refusal } from './refusal.ts';
import { tooManyDestroyed } from './risk.ts';
import { type SnapshotCluster, withSnapshot } from './snapshot-first.ts';

/** A single step. */
export type Verb = 'start' | 'stop' | 'shutdown' | 'restart' | 'delete';

/** Options of a single step. */
export interface VerbOptions {
  /** Seconds that a container gets for its shutdown. */
  readonly timeoutSeconds?: number;
  /** Shutdown: stop it hard after the time-out; stop: even during a shutdown; delete: also when it runs. */
  readonly force?: boolean;
  /** Delete: also from HA, replication and backup jobs. */
  readonly purge?: boolean;
  /** What is known for a policy with `snapshotFirst`; only a restart takes a snapshot. */
  readonly cluster?: SnapshotCluster;
}

interface Step {
  /** State in which there is nothing to do. */
  readonly done?: ActualContainer['status'];
  readonly build: (target: Target, actual: ActualContainer, options: VerbOptions) => Action;
}

const asked = { reason: 'asked for' };

const steps: Readonly<Record<Exclude<Verb, 'delete'>, Step>> = {
  start: { done: 'running', build: (target) => startAction(target, asked) },
  stop: {
    done: 'stopped',
    build: (target, _, { force }) => {
      const action = stopAction(target, asked);
      if (!force) return action;
      const { request } = action;
      return { ...action, request: { ...request, params: { ...request.params, 'overrule-shutdown': true } } };
    },
  },
  shutdown: {
    done: 'stopped',
    build: (target, _, { timeoutSeconds, force }) =>
      shutdownAction(target, asked, { timeoutSeconds, force: force ?? false }),
  },
  restart: {
    build: (target, { status }, { timeoutSeconds }) =>
      status === 'stopped' ? startAction(target, asked) : rebootAction(target, asked, { timeoutSeconds }),
  },
};

function planStep(
  verb: Exclude<Verb, 'delete'>,
  key: string,
  actual: ActualContainer,
  options: VerbOptions,
): ContainerPlan {
  const { vmid, node, status, lock } = actual;
  const { done, build } = steps[verb];
  if (status === done) {
    const message = `${key}: container ${vmid} is ${done === 'running' ? 'running' : 'stopped'} already`;
    return {
      key,
      outcome: 'unchanged',
      actions: [],
      refusals: [],
      notices: [{ severity: 'info', code: 'NOTHING_TO_DO', message }],
    };
  }
  const refusals: Refusal[] = [];
  if (actual.isTemplate)
    refusals.push(
      refusal(
        { key, vmid },
        { code: 'CONTAINER_IS_TEMPLATE', message: `container ${vmid} is a template and cannot run` },
      ),
    );
  if (verb === 'start' || verb === 'restart') refusals.push(...frozenRefusals(key, actual));
  if (lock !== undefined && lock !== 'mounted') refusals.push(lockedRefusal(key, vmid, lock));
  return {
    key,
    outcome: 'update',
    actions: [build({ key, vmid, node }, actual, options)],
    refusals,
    notices: [],
  };
}

function planDelete(
  key: string,
  actual: ActualContainer,
  policy: Policy,
  options: VerbOptions,
): ContainerPlan {
  const { vmid, ownership } = actual;
  const purge = options.purge ?? false;
  const refusals: Refusal[] = [];
  const refuse = (text: RefusalText): void => {
    refusals.push(refusal({ key, vmid }, text));
  };
  if (actual.status === 'running' && !options.force)
    refuse({
      code: 'CONTAINER_RUNNING',
      message: `container ${vmid} is running`,
      hint: 'shut it down first, or stop and delete it with --force',
    });
  if (actual.haState !== undefined && !purge)
    refuse({
      code: 'HA_MANAGED',
      message: `container ${vmid} is managed by HA`,
      hint: 'take it out of HA first, or use --purge',
    });
  const notices: Diagnostic[] = ownership
    ? [
        {
          severity: 'info',
          code: 'OWNED_BY_FLEET',
          message: `${key} belongs to fleet ${ownerName(ownership)}; the next apply of its file creates it again`,
        },
      ]
    : [];
  const removal = planRemoval(actual, key, policy, { reason: asked.reason, purge });
  return { ...removal, refusals: [...refusals, ...removal.refusals], notices };
}

/**
 * Plans a single step on containers.
 *
 * @param verb - what to do.
 * @param containers - the containers; their ownership does not matter and is not changed.
 * @param policy - what is allowed.
 * @param options - {@link VerbOptions}.
 * @returns the plan; its fleet is empty.
 */
export function planVerb(
  verb: Verb,
  containers: readonly ActualContainer[],
  policy: Policy,
  options: VerbOptions = {},
): Plan {
  const labels = labelContainers(containers);
  const plans = containers.map((actual) => {
    const key = labels.get(actual.vmid) as string;
    if (verb === 'delete') return planDelete(key, actual, policy, options);
    const plan = planStep(verb, key, actual, options);
    // a start changes nothing that a snapshot could bring back
    if (!policy.snapshotFirst || verb !== 'restart' || actual.status === 'stopped') return plan;
    const { cluster = { storages: [] } } = options;
    return withSnapshot(plan, { actual, digest: actual.digest, always: true }, cluster);
  });
  const doomed = verb === 'delete' && policy.allow.destroy ? plans.map(({ key }) => key).sort() : [];
  const tooMany = tooManyDestroyed('delete', doomed, policy);
  return assemblePlan({ fleet: '', containers: plans, refusals: tooMany ? [tooMany] : [] });
}
