/**
 * What belongs to a container but is not in its config: its HA resource and its firewall. How both are spelled in a fleet
 * file, what the server assumes where nothing is set, and what differs.
 */
import { deepEqual } from '../util/compare.ts';
import type { ActualFirewall, HaResource } from './actual.ts';
import type { DesiredContainer, DesiredFirewall, DesiredFirewallRule, DesiredHa } from './desired.ts';
import type { FieldChange, JsonValue } from './plan.ts';
import type { JsonObject } from './spelling.ts';

/** One setting: its name in a fleet file, its parameter, and what an absent one means. */
export interface ExtraRow {
  readonly name: string;
  readonly key: string;
  readonly unset: JsonValue;
}

const row = (name: string, key: string, unset: JsonValue): ExtraRow => ({ name, key, unset });

/** Settings of a HA resource; defaults of pve-ha-manager. */
export const haRows: readonly ExtraRow[] = [
  row('state', 'state', 'started'),
  row('maxRestart', 'max_restart', 1),
  row('maxRelocate', 'max_relocate', 1),
  row('failback', 'failback', true),
  row('comment', 'comment', null),
];

/** Options of a container's firewall; defaults of pve-firewall (contract lxc-endpoints §H). */
export const firewallRows: readonly ExtraRow[] = [
  row('enable', 'enable', false),
  row('dhcp', 'dhcp', false),
  row('ndp', 'ndp', true),
  row('radv', 'radv', false),
  row('ipFilter', 'ipfilter', false),
  row('macFilter', 'macfilter', true),
  row('policyIn', 'policy_in', 'DROP'),
  row('policyOut', 'policy_out', 'ACCEPT'),
  row('logLevelIn', 'log_level_in', 'nolog'),
  row('logLevelOut', 'log_level_out', 'nolog'),
];

/** Settings of a rule, by the API's names; the type and the action are always there. */
const ruleKeys: readonly (readonly [name: keyof DesiredFirewallRule, key: string])[] = [
  ['type', 'type'],
  ['action', 'action'],
  ['enable', 'enable'],
  ['macro', 'macro'],
  ['proto', 'proto'],
  ['source', 'source'],
  ['dest', 'dest'],
  ['sport', 'sport'],
  ['dport', 'dport'],
  ['icmpType', 'icmp-type'],
  ['iface', 'iface'],
  ['log', 'log'],
  ['comment', 'comment'],
];

/** A rule as parameters of the API; what it does not say is left out. */
export function ruleParameters(rule: DesiredFirewallRule): Record<string, string | number> {
  return Object.fromEntries(
    ruleKeys.flatMap(([name, key]): [string, string | number][] => {
      const given = rule[name];
      // PVE: `enable` of a rule is an integer
      return given === undefined ? [] : [[key, typeof given === 'boolean' ? Number(given) : given]];
    }),
  );
}

/** Parameters that a rule does not have, to be unset when another one stands in its place. */
export const absentRuleKeys = (rule: DesiredFirewallRule): string[] =>
  ruleKeys.filter(([name]) => rule[name] === undefined).map(([, key]) => key);

/**
 * Reads a rule of the API.
 *
 * @param raw - a row of GET …/firewall/rules.
 * @returns the rule as a fleet file has it.
 */
export function readRule(raw: Readonly<Record<string, unknown>>): DesiredFirewallRule {
  const entries = ruleKeys.flatMap(([name, key]): [string, string | boolean][] => {
    if (name === 'enable') return [[name, Number(raw[key] ?? 0) !== 0]];
    const given = raw[key];
    return given === undefined || given === null || given === '' ? [] : [[name, String(given)]];
  });
  return Object.fromEntries(entries) as unknown as DesiredFirewallRule;
}

/** The HA state that a container should have; undefined: not managed. */
function wantedHaState({ ha, power }: Pick<DesiredContainer, 'ha' | 'power'>): DesiredHa['state'] {
  if (!ha) return undefined;
  if (ha.state !== undefined || power === 'unmanaged') return ha.state;
  return power === 'running' ? 'started' : 'stopped';
}

/** A setting in the spelling of a fleet file. */
const spell = (given: unknown, unset: JsonValue): JsonValue => {
  if (given === undefined || given === null) return unset;
  return typeof unset === 'boolean' ? given === true || Number(given) === 1 : (given as JsonValue);
};

function compare(
  prefix: string,
  rows: readonly ExtraRow[],
  wanted: object,
  actual: Readonly<Record<string, unknown>> | undefined,
): FieldChange[] {
  return rows.flatMap(({ name, unset }): FieldChange[] => {
    const given = (wanted as Readonly<Record<string, JsonValue | undefined>>)[name];
    if (given === undefined) return [];
    const from = actual ? spell(actual[name], unset) : null;
    const to = given ?? unset;
    return deepEqual(from, to) ? [] : [{ field: `${prefix}.${name}`, from, to, effect: 'live' }];
  });
}

const shownHa = (resource: HaResource): JsonObject => ({ ...resource });

/**
 * Compares the HA settings of a container.
 *
 * @param desired - the container of the file.
 * @param actual - its HA resource; undefined: it has none.
 * @returns what differs; one change of the field `ha` when it is to be taken out.
 */
export function haChanges(
  desired: Pick<DesiredContainer, 'ha' | 'power'>,
  actual: HaResource | undefined,
): FieldChange[] {
  const { ha } = desired;
  if (ha === undefined) return [];
  if (ha === null) return actual ? [{ field: 'ha', from: shownHa(actual), to: null, effect: 'live' }] : [];
  const state = wantedHaState(desired);
  const wanted = { ...ha, ...(state === undefined ? {} : { state }) };
  const changes = compare('ha', haRows, wanted, actual && { ...actual });
  if (actual || changes.length > 0) return changes;
  return [{ field: 'ha', from: null, to: {}, effect: 'live' }];
}

/** A firewall's options by their names in a fleet file. */
function namedOptions(actual: ActualFirewall | undefined): Record<string, unknown> {
  return Object.fromEntries(firewallRows.map(({ name, key }) => [name, actual?.options[key]]));
}

/**
 * Compares the firewall of a container.
 *
 * @param desired - the firewall of the file.
 * @param actual - what is set; undefined: nothing, as in a new container.
 * @returns options that differ, and `firewall.rules` when a rule or the order does.
 */
export function firewallChanges(desired: DesiredFirewall, actual: ActualFirewall | undefined): FieldChange[] {
  const options = compare('firewall', firewallRows, desired, namedOptions(actual));
  const { rules } = desired;
  if (rules === undefined) return options;
  const from = (actual?.rules ?? []).map(readRule);
  if (deepEqual(from, rules)) return options;
  const change: FieldChange = {
    field: 'firewall.rules',
    from: from as unknown as JsonValue,
    to: rules as unknown as JsonValue,
    effect: 'live',
  };
  return [...options, change];
}

/** What is there now, for reading planned changes back. */
export interface ActualExtras {
  readonly ha?: HaResource;
  readonly firewall?: ActualFirewall;
}

/**
 * Reads a field of HA or firewall by its id.
 *
 * @returns its value as a fleet file spells it.
 */
export function readExtra(field: string, { ha, firewall }: ActualExtras): JsonValue {
  if (field === 'ha') return ha ? shownHa(ha) : null;
  if (field === 'firewall.rules') return (firewall?.rules ?? []).map(readRule) as unknown as JsonValue;
  const [prefix = '', name = ''] = field.split('.');
  const rows = prefix === 'ha' ? haRows : firewallRows;
  const found = rows.find((one) => one.name === name);
  if (!found || (prefix === 'ha' && !ha)) return null;
  const values = prefix === 'ha' ? { ...ha } : namedOptions(firewall);
  return spell((values as Record<string, unknown>)[name], found.unset);
}

/** What is set, by its name in a fleet file; the server's default is left out. */
function shownSettings(
  rows: readonly ExtraRow[],
  values: Readonly<Record<string, unknown>>,
): Record<string, JsonValue> {
  return Object.fromEntries(
    rows.flatMap(({ name, unset }): [string, JsonValue][] => {
      const shown = spell(values[name], unset);
      return deepEqual(shown, unset) ? [] : [[name, shown]];
    }),
  );
}

/**
 * Describes a HA resource in the words of a fleet file.
 *
 * @param resource - as the HA manager has it.
 * @param power - what the file says of the container; the state is left out where it follows from that.
 * @returns what is not at its default.
 */
export function describeHa(resource: HaResource, power: DesiredContainer['power']): DesiredHa {
  const { state: _state, ...rest } = shownSettings(haRows, { ...resource });
  const follows = wantedHaState({ ha: {}, power });
  return (follows === resource.state ? rest : { state: resource.state, ...rest }) as DesiredHa;
}

/**
 * Describes a firewall in the words of a fleet file.
 *
 * @param actual - options and rules.
 * @returns what is not at its default; undefined when that is nothing.
 */
export function describeFirewall(actual: ActualFirewall): DesiredFirewall | undefined {
  const options: DesiredFirewall = shownSettings(firewallRows, namedOptions(actual));
  const rules = actual.rules.map(readRule);
  if (rules.length > 0) return { ...options, rules };
  return Object.keys(options).length > 0 ? options : undefined;
}
