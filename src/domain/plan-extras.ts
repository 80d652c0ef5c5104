/** HA resource and firewall of a container → actions, put around those of its config. */
import type { WireValue } from '../schema/request.ts';
import { deepEqual } from '../util/compare.ts';
import { build, guest, place, type Target } from './actions.ts';
import type { ActualContainer, ActualFirewall, ClusterSnapshot } from './actual.ts';
import type { ContainerPlan } from './assemble.ts';
import type { DesiredContainer, DesiredFirewallRule } from './desired.ts';
import { nameSome } from './drift.ts';
import {
  absentRuleKeys,
  type ExtraRow,
  firewallChanges,
  firewallRows,
  haChanges,
  haRows,
  readRule,
  ruleParameters,
} from './extras.ts';
import { type Action, type FieldChange, makingKinds } from './plan.ts';

/** Parameters that bring changes about; null unsets. */
function parametersOf(
  rows: readonly ExtraRow[],
  wanted: object,
  changes: readonly FieldChange[],
  isNew: boolean,
): Record<string, WireValue> {
  const params: Record<string, WireValue> = {};
  const gone: string[] = [];
  for (const { name, key } of rows) {
    const change = changes.find(({ field }) => field.endsWith(`.${name}`));
    if (!change) continue;
    const isUnset = (wanted as Readonly<Record<string, unknown>>)[name] === null;
    if (!isUnset) params[key] = change.to as WireValue;
    else if (!isNew) gone.push(key);
  }
  return gone.length === 0 ? params : { ...params, delete: gone.join(',') };
}

const reasonOf = (changes: readonly FieldChange[], verb = 'differ'): string => {
  const fields = changes.map(({ field }) => field);
  return `${nameSome(fields)} ${fields.length === 1 ? `${verb}s` : verb}`;
};

function haAction(
  target: Target,
  desired: DesiredContainer,
  changes: readonly FieldChange[],
  resource: { readonly isThere: boolean; readonly runs: boolean },
): Action | undefined {
  if (changes.length === 0) return undefined;
  const sid = `ct:${target.vmid}`;
  const now = { completes: 'now' } as const;
  if (desired.ha === null)
    return build(
      'ha.remove',
      `${target.key}/ha`,
      target,
      { method: 'DELETE', path: '/cluster/ha/resources/{sid}', params: { sid } },
      { reason: 'not to be managed by HA', changes },
      now,
    );
  const params = parametersOf(haRows, desired.ha ?? {}, changes, !resource.isThere);
  if (resource.isThere)
    return build(
      'ha.update',
      `${target.key}/ha`,
      target,
      { method: 'PUT', path: '/cluster/ha/resources/{sid}', params: { sid, ...params } },
      { reason: reasonOf(changes), changes },
      now,
    );
  // PVE: the default state is `started`; a container whose power nobody manages is left as it is
  const state = resource.runs ? 'started' : 'stopped';
  return build(
    'ha.add',
    `${target.key}/ha`,
    target,
    { method: 'POST', path: '/cluster/ha/resources', params: { sid, state, ...params } },
    { reason: 'to be managed by HA', changes },
    now,
  );
}

interface RuleStep {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly params: Readonly<Record<string, WireValue>>;
}

/**
 * Steps from one list of rules to another. Equal rules at both ends stay; those between are changed in place; what is too
 * much is deleted, what is missing is put in switched off, moved to its place and then switched on, so that no rule ever
 * works at a place where it was not meant to be.
 * PVE: a new rule goes to the top; `moveto` counts places before the rule is taken out.
 */
function ruleSteps(from: readonly DesiredFirewallRule[], to: readonly DesiredFirewallRule[]): RuleStep[] {
  let head = 0;
  while (head < Math.min(from.length, to.length) && deepEqual(from[head], to[head])) head += 1;
  let tail = 0;
  while (
    tail < Math.min(from.length, to.length) - head &&
    deepEqual(from[from.length - 1 - tail], to[to.length - 1 - tail])
  )
    tail += 1;
  const old = from.length - head - tail;
  const now = to.length - head - tail;
  const steps: RuleStep[] = [];
  for (let index = head; index < head + Math.min(old, now); index += 1) {
    const rule = to[index] as DesiredFirewallRule;
    const gone = absentRuleKeys(rule).filter(
      (key) => !absentRuleKeys(from[index] as DesiredFirewallRule).includes(key),
    );
    steps.push({
      method: 'PUT',
      params: {
        pos: index,
        ...ruleParameters(rule),
        ...(gone.length === 0 ? {} : { delete: gone.join(',') }),
      },
    });
  }
  for (let index = head + old - 1; index >= head + now; index -= 1)
    steps.push({ method: 'DELETE', params: { pos: index } });
  for (let index = head + old; index < head + now; index += 1) {
    const params = ruleParameters(to[index] as DesiredFirewallRule);
    if (index === 0) {
      steps.push({ method: 'POST', params });
      continue;
    }
    steps.push({ method: 'POST', params: { ...params, enable: 0 } });
    steps.push({ method: 'PUT', params: { pos: 0, moveto: index + 1 } });
    if (params['enable'] !== 0) steps.push({ method: 'PUT', params: { pos: index, enable: 1 } });
  }
  return steps;
}

function firewallActions(
  target: Target,
  desired: DesiredContainer,
  actual: ActualFirewall | undefined,
  after: readonly string[],
): Action[] {
  if (!desired.firewall) return [];
  const changes = firewallChanges(desired.firewall, actual);
  const rules = changes.filter(({ field }) => field === 'firewall.rules');
  const options = changes.filter(({ field }) => field !== 'firewall.rules');
  const base = `${guest}/firewall`;
  const actions: Action[] = [];
  const add = (
    kind: 'firewall.options' | 'firewall.rule',
    name: string,
    request: RuleStep & { readonly path: string },
    shown: readonly FieldChange[],
    reason: string,
  ): void => {
    const last = actions.slice(-1).map(({ id }) => id);
    const { method, path } = request;
    const params = { ...place(target), ...request.params };
    const step = { reason, changes: shown, after: last.length > 0 ? last : after };
    actions.push(
      build(kind, `${target.key}/firewall:${name}`, target, { method, path, params }, step, {
        completes: 'now',
      }),
    );
  };
  const steps =
    rules.length === 0 ? [] : ruleSteps((actual?.rules ?? []).map(readRule), desired.firewall.rules ?? []);
  const digest = actual?.rules[0]?.['digest'];
  for (const [index, { method, params }] of steps.entries())
    add(
      'firewall.rule',
      `rule-${index + 1}`,
      {
        method,
        path: `${base}/rules${method === 'POST' ? '' : '/{pos}'}`,
        params: digest === undefined ? params : { ...params, digest },
      },
      index === steps.length - 1 ? rules : [],
      'firewall.rules differ',
    );
  if (options.length > 0) {
    const params = parametersOf(firewallRows, desired.firewall, options, false);
    const lock = actual?.optionsDigest;
    add(
      'firewall.options',
      'options',
      {
        method: 'PUT',
        path: `${base}/options`,
        params: lock === undefined ? params : { ...params, digest: lock },
      },
      options,
      reasonOf(options),
    );
  }
  return actions;
}

/**
 * Adds the actions for HA and firewall to the part of a plan: out of HA before everything else, firewall before the start,
 * into HA at the end.
 *
 * @param snapshot - HA resources and firewalls.
 * @param desired - the container of the file.
 * @param actual - what it stands for; undefined: it is new.
 * @param plan - its part of the plan so far.
 * @returns the part with the further actions; as it is when nothing differs.
 */
export function withExtras(
  snapshot: Pick<ClusterSnapshot, 'haResources' | 'firewalls'>,
  desired: DesiredContainer,
  actual: ActualContainer | undefined,
  plan: ContainerPlan,
): ContainerPlan {
  const maker = plan.actions.find(({ kind }) => makingKinds.has(kind));
  const isNew = maker !== undefined;
  const last = plan.actions.at(-1);
  const vmid = actual?.vmid ?? maker?.target.vmid;
  const isRefused = plan.outcome === 'refused' || plan.outcome === 'destroy';
  if ((desired.ha === undefined && !desired.firewall) || vmid === undefined || isRefused) return plan;
  const target: Target = { key: desired.key, vmid, node: last?.target.node ?? actual?.node ?? desired.node };
  const resource = isNew ? undefined : snapshot.haResources?.get(vmid);
  const changes = haChanges(desired, resource);
  const runs = desired.power === 'unmanaged' ? actual?.status === 'running' : desired.power === 'running';
  const ha = haAction(target, desired, changes, { isThere: resource !== undefined, runs });
  const arrived = plan.actions.filter(
    ({ kind, id }) => kind === 'container.migrate' || id.endsWith('/configure:mark'),
  );
  const before = arrived.at(-1) ?? maker;
  const firewall = firewallActions(
    target,
    desired,
    isNew ? plan.origin?.firewall : snapshot.firewalls?.get(vmid),
    before ? [before.id] : [],
  );
  if (!ha && firewall.length === 0) return plan;
  const isOut = ha?.kind === 'ha.remove';
  const gate = firewall.at(-1)?.id;
  const linked = plan.actions.map((action): Action => {
    const more = [
      ...(isOut && action.dependsOn.length === 0 ? [ha.id] : []),
      ...(gate !== undefined && action.kind === 'container.start' ? [gate] : []),
    ];
    return more.length === 0 ? action : { ...action, dependsOn: [...action.dependsOn, ...more] };
  });
  const all = [...linked, ...firewall];
  const end = ha && !isOut ? [{ ...ha, dependsOn: [last?.id, gate].filter((id) => id !== undefined) }] : [];
  return {
    ...plan,
    outcome: plan.outcome === 'unchanged' ? 'update' : plan.outcome,
    actions: [...(isOut ? [ha] : []), ...all, ...end],
  };
}
