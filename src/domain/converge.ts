/** Compares what the file asks for with what the cluster has; the proof after an apply. */
import type { ActualContainer, ClusterSnapshot } from './actual.ts';
import { adopt } from './adopt.ts';
import type { DesiredContainer, DesiredFleet } from './desired.ts';
import { diff } from './diff.ts';
import { causeOf, type DriftState } from './drift.ts';
import { firewallChanges, haChanges } from './extras.ts';
import { familyNames } from './families.ts';
import { fieldRows } from './fields.ts';
import { accountFindings } from './lab/account-findings.ts';
import { asOfNow, isExpired } from './lab/as-of-now.ts';
import { boostOf, isOver, withoutBoosted } from './lab/boost.ts';
import { frozenOf } from './lab/frozen.ts';
import { spellTime } from './lab/times.ts';
import { type Match, matchFleet } from './match.ts';
import {
  expiryChange,
  ownerName,
  ownershipChange,
  ownershipOf,
  wantsOtherNode,
  withClusterTags,
} from './ownership.ts';
import type { Action, FieldChange } from './plan.ts';
import { volumeMoves } from './plan-move.ts';
import { describeStep, dueSteps } from './provision.ts';
import { isAsPlanned, readField } from './read-field.ts';

/** One field that is not as the file says. */
export interface Finding {
  readonly key: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly field: string;
  readonly state: 'diverged' | 'pending' | 'missing' | 'unexpected' | 'unowned';
  readonly expected: unknown;
  readonly actual: unknown;
  /** Why: the file changed, somebody changed the container, or it waits for a restart. Absent: not known. */
  readonly cause?: DriftState;
}

/** The document `pvefleet.verify/1`. */
export interface VerifyReport {
  readonly format: 'pvefleet.verify/1';
  readonly fleet: string;
  readonly converged: boolean;
  readonly containers: readonly {
    readonly key: string;
    readonly vmid?: number;
    readonly node?: string;
    readonly state: 'applied' | 'pending' | 'diverged' | 'missing';
    /** It is left as it is, whatever the file says; ISO 8601. */
    readonly frozenSince?: string;
    /** Until then it has other limits than the file says; ISO 8601. */
    readonly boostedUntil?: string;
  }[];
  readonly findings: readonly Finding[];
  readonly summary: {
    readonly applied: number;
    readonly pending: number;
    readonly diverged: number;
    readonly missing: number;
    readonly unexpected: number;
    /** Findings about students' accounts; absent: the fleet has none, or there are none. */
    readonly accounts?: number;
  };
}

type ContainerState = VerifyReport['containers'][number];

interface Verdict {
  readonly container: ContainerState;
  readonly findings: readonly Finding[];
}

/** Fields that the file manages; what else differs is not its business. */
function isManaged(field: string, desired: DesiredContainer): boolean {
  if (field === 'rootfs.size') return desired.rootfs.sizeBytes !== undefined;
  if (field === 'rootfs.storage') return desired.rootfs.storage !== undefined;
  const row = fieldRows.find((one) => one.field === field);
  if (row) return row.want(desired) !== undefined;
  return familyNames.some((name) => field.startsWith(`${name}.`) && desired[name] !== undefined);
}

/**
 * States of the HA manager in which it brings a container where it should be by itself, within seconds. PVE: its tasks end
 * when it has been told, not when the container has changed.
 */
const haLeadsTo: Readonly<Record<'running' | 'stopped', ReadonlySet<string>>> = {
  running: new Set([
    'started',
    'starting',
    'request_start',
    'request_started',
    'recovery',
    'migrate',
    'relocate',
  ]),
  stopped: new Set(['stopped', 'stopping', 'request_stop']),
};

function isHaOnTheWay(power: 'running' | 'stopped', { haState }: ActualContainer): boolean {
  return haState !== undefined && haLeadsTo[power].has(haState);
}

function verifyExisting(
  fleet: string,
  desired: DesiredContainer,
  original: DesiredContainer,
  actual: ActualContainer,
  snapshot: ClusterSnapshot,
  now: number | undefined,
): Verdict {
  const { key } = desired;
  const { vmid, node } = actual;
  const frozen = frozenOf(actual);
  if (frozen) {
    const frozenSince = spellTime(frozen.at);
    return { container: { key, vmid, node, state: 'applied', frozenSince }, findings: [] };
  }
  const boost = boostOf(actual);
  if (boost && !isOver(boost, now)) {
    const limited = withoutBoosted(desired, boost);
    const { container, findings } = verifyFields(fleet, limited, original, actual, snapshot);
    return { container: { ...container, boostedUntil: spellTime(boost.until) }, findings };
  }
  return verifyFields(fleet, desired, original, actual, snapshot);
}

function verifyFields(
  fleet: string,
  desired: DesiredContainer,
  original: DesiredContainer,
  actual: ActualContainer,
  snapshot: ClusterSnapshot,
): Verdict {
  const { key } = desired;
  const { vmid, node } = actual;
  const findings: Finding[] = [];
  const { ownTag } = snapshot;
  const owner = ownershipOf(fleet, original, { ownTag, now: actual.next });
  const recorded = actual.ownership?.fleet === fleet ? actual.ownership.specDigest : undefined;
  const ending = expiryChange(actual, owner);
  const changed = causeOf({ recorded, wanted: owner.specDigest, hasOtherEnd: ending !== undefined });
  const find = (state: Finding['state'], field: string, expected: unknown, found: unknown): void => {
    const cause = state === 'pending' ? 'awaiting-restart' : state === 'diverged' ? changed : undefined;
    const about = { key, vmid, node, field, state, expected, actual: found };
    findings.push(cause === undefined ? about : { ...about, cause });
  };
  const owning = ownershipChange(actual, owner);
  if (owning)
    find(owning.field === 'ownership' ? 'unowned' : 'diverged', owning.field, owning.to, owning.from);
  if (ending) find('diverged', ending.field, ending.to, ending.from);
  const isTemplate = desired.isTemplate ?? false;
  if (actual.isTemplate !== isTemplate) find('diverged', 'isTemplate', isTemplate, actual.isTemplate);
  const { config, conflicts } = adopt(desired, actual);
  const context = { live: actual.live, isStopped: actual.status === 'stopped' };
  const differences = diff(actual.next, config, context).map(({ change }) => change);
  const diverged = [...differences, ...conflicts.map(({ change }) => change)];
  for (const { field, from, to } of diverged) find('diverged', field, to, from);
  // a container that runs has to be restarted for a move
  const moving = actual.status === 'stopped' ? 'diverged' : 'pending';
  for (const { field, from, to } of volumeMoves(desired, actual)) find(moving, field, to, from);
  if (wantsOtherNode(fleet, original, actual)) find(moving, 'node', desired.node, node);
  const waiting = actual.pending.length === 0 ? [] : diff(actual.live, config, context);
  for (const { change } of waiting)
    if (isManaged(change.field, desired) && !diverged.some(({ field }) => field === change.field))
      find('pending', change.field, change.to, change.from);
  if (desired.power !== 'unmanaged' && desired.power !== actual.status)
    find(isHaOnTheWay(desired.power, actual) ? 'pending' : 'diverged', 'power', desired.power, actual.status);
  if (desired.pool !== undefined && desired.pool !== (actual.pool ?? null))
    find('diverged', 'pool', desired.pool, actual.pool ?? null);
  for (const { field, from, to } of haChanges(desired, snapshot.haResources?.get(vmid)))
    find('diverged', field, to, from);
  if (desired.firewall)
    for (const { field, from, to } of firewallChanges(desired.firewall, snapshot.firewalls?.get(vmid)))
      find('diverged', field, to, from);
  for (const { step, position, why } of dueSteps(desired.provision ?? [], actual.ownership)) {
    const problem =
      step.kind === 'copy' && step.local && 'problem' in step.local ? step.local.problem : undefined;
    const found = problem ?? (why === 'changed' ? 'run before it changed' : 'not run');
    const about = { key, vmid, node, field: `provision.${position}`, state: 'diverged' } as const;
    const cause = why === 'first' ? {} : ({ cause: 'spec-changed' } as const);
    findings.push({ ...about, expected: describeStep(step), actual: found, ...cause });
  }
  const state = findings.some((one) => one.state !== 'pending')
    ? 'diverged'
    : findings.length > 0
      ? 'pending'
      : 'applied';
  return { container: { key, vmid, node, state }, findings };
}

function verifyMatch(
  fleet: DesiredFleet,
  snapshot: ClusterSnapshot,
  match: Match,
  now: number | undefined,
): Verdict {
  const { desired, actual, refusals } = match;
  const { key } = desired;
  if (actual && refusals.length === 0)
    return verifyExisting(
      fleet.name,
      withClusterTags(asOfNow(desired, now), snapshot.tagStyle),
      desired,
      actual,
      snapshot,
      now,
    );
  // whose last day is over need not be there
  if (isExpired(desired, now) && refusals.length === 0)
    return { container: { key, state: 'applied' }, findings: [] };
  const id = desired.vmid === 'auto' ? {} : { vmid: desired.vmid };
  const foreign = refusals.find(({ code }) => code === 'FOREIGN_CONTAINER');
  if (foreign && desired.vmid !== 'auto') {
    const found = snapshot.containers.get(desired.vmid);
    const place = { ...id, ...(found ? { node: found.node } : {}) };
    const owner = found?.ownership ? ownerName(found.ownership) : null;
    const expected = ownerName({ fleet: fleet.name, key });
    return {
      container: { key, ...place, state: 'diverged' },
      findings: [{ key, ...place, field: 'ownership', state: 'unowned', expected, actual: owner }],
    };
  }
  return {
    container: { key, ...id, node: desired.node, state: 'missing' },
    findings: [
      {
        key,
        ...id,
        node: desired.node,
        field: 'container',
        state: 'missing',
        expected: desired.hostname,
        actual: refusals[0]?.message ?? null,
      },
    ],
  };
}

/**
 * Compares a whole fleet with the cluster.
 *
 * @param fleet - the file.
 * @param snapshot - a fresh observation.
 * @param now - ms since the epoch; absent: no boost has run out.
 * @returns the report; converged when every container is as the file says, in force, and the fleet owns nothing else.
 */
export function verifyFleet(fleet: DesiredFleet, snapshot: ClusterSnapshot, now?: number): VerifyReport {
  const { matches, orphans } = matchFleet(fleet, snapshot);
  const verdicts = matches.map((match) => verifyMatch(fleet, snapshot, match, now));
  const unexpected = orphans.map(
    ({ vmid, node, ownership, name }): Finding => ({
      key: ownership?.key ?? String(vmid),
      vmid,
      node,
      field: 'container',
      state: 'unexpected',
      expected: null,
      actual: name ?? String(vmid),
      cause: 'spec-changed',
    }),
  );
  const count = (state: ContainerState['state']): number =>
    verdicts.filter(({ container }) => container.state === state).length;
  const own = [
    ...matches.flatMap(({ desired: { key }, actual }) =>
      actual ? [{ key, vmid: actual.vmid, leaves: false }] : [],
    ),
    ...orphans.map(({ vmid, ownership }) => ({ key: ownership?.key ?? '', vmid, leaves: false })),
  ];
  const accounts = snapshot.access ? accountFindings(fleet, snapshot.access, own) : [];
  const findings = [...verdicts.flatMap((verdict) => verdict.findings), ...unexpected, ...accounts];
  return {
    format: 'pvefleet.verify/1',
    fleet: fleet.name,
    converged: findings.length === 0,
    containers: verdicts.map(({ container }) => container),
    findings,
    summary: {
      applied: count('applied'),
      pending: count('pending'),
      diverged: count('diverged'),
      missing: count('missing'),
      unexpected: unexpected.length,
      ...(accounts.length === 0 ? {} : { accounts: accounts.length }),
    },
  };
}

const readable: ReadonlySet<Action['kind']> = new Set([
  'container.create',
  'container.configure',
  'container.resize-disk',
  'container.move-volume',
  'container.clone',
  'container.restore',
  'container.template',
]);

/**
 * Looks whether the planned changes of an action are there.
 *
 * @param action - an action that was carried out.
 * @param actual - its container, read again.
 * @returns the changes that are not there: `from` what was wanted, `to` what was found. Empty: all is as planned.
 */
export function readBack(action: Action, actual: ActualContainer): FieldChange[] {
  if (!readable.has(action.kind)) return [];
  return action.changes.flatMap((change) => {
    const isLive = change.effect === 'live' && action.kind !== 'container.create';
    const found = readField(change.field, isLive ? actual.live : actual.next);
    if (found === undefined || isAsPlanned(change, found)) return [];
    return [{ field: change.field, from: change.to, to: found, effect: change.effect }];
  });
}
