/**
 * Provisioning and readiness of a container → actions at the end of its part of the plan. Each step is an action of its own,
 * so that a plan shows exactly what is to be run, and a failed one is where the next apply goes on.
 */
import type { ApiRequest } from '../schema/request.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { build, guest, place, type Target } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import type { DesiredContainer, DesiredReady } from './desired.ts';
import { type Action, type ActionKind, makingKinds, type Refusal } from './plan.ts';
import { type DueStep, describeStep, dueSteps, isInside, stepDigests } from './provision.ts';
import { refusal } from './refusal.ts';

/** Actions after which a container runs with what its config says. */
const startingKinds: ReadonlySet<ActionKind> = new Set(['container.start', 'container.reboot']);
const stoppingKinds: ReadonlySet<ActionKind> = new Set(['container.shutdown', 'container.stop']);

const isStarting = ({ kind, request }: Action): boolean =>
  startingKinds.has(kind) || (kind === 'container.migrate' && request.params['restart'] === true);

/**
 * The ends of a chain of actions: what comes after all of them depends on these.
 *
 * @param actions - of one container.
 * @returns ids of those that no other one waits for.
 */
function endsOf(actions: readonly Action[]): string[] {
  const awaited = new Set(actions.flatMap(({ dependsOn }) => dependsOn));
  return actions.filter(({ id }) => !awaited.has(id)).map(({ id }) => id);
}

const console = (target: Target): ApiRequest => ({
  method: 'POST',
  path: `${guest}/termproxy`,
  params: place(target),
});

const reasons: Readonly<Record<DueStep['why'], string>> = {
  first: 'not run yet',
  new: 'new in the file',
  changed: 'changed in the file',
};

function provisionAction(
  target: Target,
  due: DueStep,
  digests: readonly string[],
  after: readonly string[],
): Action {
  const { step, position, digest, why } = due;
  const action = build(
    'container.provision',
    `${target.key}/provision:${position}`,
    target,
    console(target),
    {
      reason: reasons[why],
      after,
      changes: [{ field: `provision.${position}`, from: null, to: describeStep(step), effect: 'live' }],
    },
    { completes: 'now' },
  );
  return { ...action, inside: { kind: 'provision', position, of: digests.length, digest, step, digests } };
}

/**
 * Waits until a container is ready.
 *
 * @param target - the container.
 * @param ready - what tells that it is.
 * @param after - what comes before.
 */
export function readyAction(target: Target, ready: DesiredReady, after: readonly string[]): Action {
  const request: ApiRequest = ready.checks.some(isInside)
    ? console(target)
    : { method: 'GET', path: `${guest}/interfaces`, params: place(target) };
  const reason = 'what comes next needs it';
  const action = build(
    'container.ready',
    `${target.key}/ready`,
    target,
    request,
    { reason, after },
    {
      completes: 'now',
    },
  );
  return { ...action, inside: { kind: 'ready', ...ready } };
}

/** Steps cannot be planned when what they copy is not there. */
function fileRefusals(desired: DesiredContainer, vmid: number, due: readonly DueStep[]): Refusal[] {
  return due.flatMap(({ step, position }) =>
    step.kind === 'copy' && step.local && 'problem' in step.local
      ? [
          refusal(
            { key: desired.key, vmid },
            {
              code: 'PROVISION_FILE',
              message: `step ${position} of its provisioning cannot copy ${step.from}: ${step.local.problem}`,
              hint: `it is looked for at ${step.location}`,
            },
          ),
        ]
      : [],
  );
}

function consoleRefusal(desired: DesiredContainer, actual: ActualContainer): Refusal {
  const mode = actual.live.cmode ?? 'tty';
  const isNever = desired.restart === 'never';
  const { key } = desired;
  return refusal(
    { key, vmid: actual.vmid },
    {
      code: 'CONSOLE_NOT_SHELL',
      message: `its console shows no shell yet (cmode ${mode} is in force until its next restart), so its provisioning cannot be run`,
      hint: isNever
        ? 'the file says restart: never; restart it yourself when it suits, then apply again'
        : 'allow its restart with --allow restart, or write restart: always',
      ...(isNever ? {} : { needs: 'restart' }),
    },
  );
}

const waitNotice = ({ key }: DesiredContainer, count: number): Diagnostic => ({
  severity: 'info',
  code: 'PROVISION_WAITS',
  message: `${key}: ${count === 1 ? '1 step of its provisioning waits' : `${count} steps of its provisioning wait`} until it runs`,
  hint: 'start it, then apply again',
});

/**
 * Adds provisioning and readiness at the end of the part of a plan. Whatever else is to come when a container is complete
 * comes after this; see {@link endsOf}.
 *
 * @param desired - the container of the file; what its steps copy has been read.
 * @param actual - what it stands for; undefined: it is new.
 * @param plan - its part of the plan so far.
 * @returns the part with the further actions; as it is when there is nothing to do inside.
 */
export function withInside(
  desired: DesiredContainer,
  actual: ActualContainer | undefined,
  plan: ContainerPlan,
): ContainerPlan {
  const { provision = [], ready, key } = desired;
  const maker = plan.actions.find(({ kind }) => makingKinds.has(kind));
  const vmid = actual?.vmid ?? maker?.target.vmid;
  const isRefused = plan.outcome === 'refused' || plan.outcome === 'destroy';
  if ((provision.length === 0 && !ready) || vmid === undefined || isRefused) return plan;
  const due = dueSteps(provision, maker ? undefined : actual?.ownership);
  const isStarted = plan.actions.some(isStarting);
  const isStopped = plan.actions.some(({ kind }) => stoppingKinds.has(kind));
  const runs = isStarted || (actual?.status === 'running' && !maker && !isStopped);
  if (!runs)
    return due.length === 0 ? plan : { ...plan, notices: [...plan.notices, waitNotice(desired, due.length)] };
  const refusals = fileRefusals(desired, vmid, due);
  if (due.length > 0 && !isStarted && actual && actual.live.cmode !== 'shell')
    refusals.push(consoleRefusal(desired, actual));
  const node = plan.actions.at(-1)?.target.node ?? actual?.node ?? desired.node;
  const target: Target = { key, vmid, node };
  const digests = stepDigests(provision);
  const actions = [...plan.actions];
  for (const one of due) actions.push(provisionAction(target, one, digests, endsOf(actions)));
  if (ready && (isStarted || due.length > 0)) actions.push(readyAction(target, ready, endsOf(actions)));
  return {
    ...plan,
    outcome: plan.outcome === 'unchanged' && actions.length > 0 ? 'update' : plan.outcome,
    actions,
    refusals: [...plan.refusals, ...refusals],
  };
}
