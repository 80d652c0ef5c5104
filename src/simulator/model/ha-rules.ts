/**
 * Rules of the HA manager: where services may run, together or apart, as far as moving a container asks for it. Kept in
 * `state.haRules`. Reads only, but for `haRules`, which hands out the record to be changed.
 */
import { splitList } from './datacenter.ts';
import { guestOf } from './resources.ts';
import type { SimState } from './state.ts';

/** Settings of a rule as they were sent; numbers where the API has booleans. */
export type HaRule = Record<string, string | number>;

/** Why a service may not go to a node. */
export interface Obstacle {
  /** The service in the way. */
  readonly sid: string;
  readonly cause: 'node-affinity' | 'resource-affinity';
}

/**
 * The rules, to be changed in place.
 *
 * @returns settings by rule id, in the order of the file.
 */
export function haRules(state: SimState): Record<string, HaRule> {
  state.haRules ??= {};
  return state.haRules;
}

const listOf = (rule: HaRule, key: string): string[] => splitList(String(rule[key] ?? ''));

/** Rules in force that name a service. */
function rulesOf(state: SimState, sid: string): HaRule[] {
  return Object.values(state.haRules ?? {}).filter(
    (rule) => rule['disable'] !== 1 && listOf(rule, 'resources').includes(sid),
  );
}

function others(state: SimState, sid: string, affinity: 'positive' | 'negative'): string[] {
  const named = rulesOf(state, sid)
    .filter((rule) => rule['type'] === 'resource-affinity' && rule['affinity'] === affinity)
    .flatMap((rule) => listOf(rule, 'resources'));
  return [...new Set(named)].filter((other) => other !== sid);
}

/**
 * Services that have to stay on the same node as one, and therefore go where it goes.
 *
 * @param sid - for example `ct:100`.
 */
export function companions(state: SimState, sid: string): string[] {
  return others(state, sid, 'positive').toSorted();
}

/**
 * What keeps a service from a node: services it has to keep away from, and strict rules that name other nodes.
 *
 * @param sid - the service.
 * @param node - where it would go.
 */
export function obstacles(state: SimState, sid: string, node: string): Obstacle[] {
  const apart = others(state, sid, 'negative')
    .filter((other) => guestOf(state, Number(other.slice(other.indexOf(':') + 1)))?.node === node)
    .map((other): Obstacle => ({ sid: other, cause: 'resource-affinity' }));
  const isElsewhere = rulesOf(state, sid).some(
    (rule) =>
      rule['type'] === 'node-affinity' &&
      rule['strict'] === 1 &&
      !listOf(rule, 'nodes').some((entry) => entry.split(':')[0] === node),
  );
  return isElsewhere ? [...apart, { sid, cause: 'node-affinity' }] : apart;
}

/**
 * Takes a service out of all rules, as its removal from the HA manager does. A rule without services goes too.
 */
export function removeFromRules(state: SimState, sid: string): void {
  const rules = haRules(state);
  for (const [id, rule] of Object.entries(rules)) {
    const named = listOf(rule, 'resources');
    if (!named.includes(sid)) continue;
    const left = named.filter((other) => other !== sid);
    if (left.length > 0) rule['resources'] = left.join(',');
    else delete rules[id];
  }
}
