/** Rules of the HA manager (pve-ha-manager API2/HA/Rules.pm): which services run where, together or apart. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../util/canonical-json.ts';
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { type HaRule, haRules } from '../model/ha-rules.ts';
import type { SimState } from '../model/state.ts';
import { checkQuorum } from './lxc-common.ts';

/** Settings by type; a `true` one has to be there. */
const settings: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  'node-affinity': { resources: true, nodes: true, strict: false, disable: false, comment: false },
  'resource-affinity': { resources: true, affinity: true, disable: false, comment: false },
};
const flags: ReadonlySet<string> = new Set(['strict', 'disable']);

const missing = 'property is missing and it is not optional';
const unknown = 'property is not defined in schema and the schema does not allow additional properties';

const digestOf = (state: SimState): string =>
  createHash('sha1')
    .update(canonicalJson(haRules(state)))
    .digest('hex');

function needRule(context: HandlerContext): { id: string; rule: HaRule } {
  const id = context.text('rule') ?? '';
  const rules = haRules(context.state);
  return { id, rule: (Object.hasOwn(rules, id) ? rules[id] : undefined) ?? die(`no such ha rule '${id}'`) };
}

function row(state: SimState, id: string, rule: HaRule): Record<string, unknown> {
  const order = Object.keys(haRules(state)).indexOf(id) + 1;
  return { ...rule, rule: id, order, digest: digestOf(state) };
}

/** The settings of the request that belong to the type; others are refused as the schema of the type does it. */
function given(context: HandlerContext, type: string): HaRule {
  const known = settings[type] ?? {};
  const result: HaRule = {};
  for (const key of ['resources', 'nodes', 'affinity', 'strict', 'disable', 'comment']) {
    const value = context.text(key);
    if (value === undefined) continue;
    if (known[key] === undefined) paramError({ [key]: unknown });
    if (flags.has(key)) result[key] = Number(value);
    else result[key] = key === 'comment' ? value : splitList(value).join(',');
  }
  return result;
}

function checkComplete(type: string, rule: HaRule): void {
  const lacking = Object.entries(settings[type] ?? {}).filter(
    ([key, need]) => need && rule[key] === undefined,
  );
  if (lacking.length > 0) paramError(Object.fromEntries(lacking.map(([key]) => [key, missing])));
}

function checkManaged(state: SimState, rule: HaRule): void {
  const unmanaged = splitList(String(rule['resources'] ?? ''))
    .filter((sid) => !Object.hasOwn(state.haResources, sid))
    .toSorted();
  if (unmanaged.length > 0) die(`cannot use unmanaged resource(s) ${unmanaged.join(', ')}.`);
}

function list(context: HandlerContext): unknown[] {
  const { state } = context;
  const type = context.text('type');
  const resource = context.text('resource');
  return Object.entries(haRules(state))
    .filter(([, rule]) => type === undefined || rule['type'] === type)
    .filter(([, rule]) => resource === undefined || splitList(String(rule['resources'])).includes(resource))
    .map(([id, rule]) => row(state, id, rule));
}

async function create(context: HandlerContext): Promise<null> {
  const { state } = context;
  checkQuorum(context);
  const id = context.text('rule') ?? '';
  const type = context.text('type') ?? '';
  const rule = given(context, type);
  checkComplete(type, rule);
  await context.withLock('domain-ha', 10_000, () => {
    const rules = haRules(state);
    if (Object.hasOwn(rules, id)) die(`create ha rule failed: HA rule '${id}' already defined`);
    checkManaged(state, rule);
    rules[id] = { type, ...rule };
  });
  return null;
}

async function update(context: HandlerContext): Promise<null> {
  const { state } = context;
  checkQuorum(context);
  const { id, rule } = needRule(context);
  const type = String(rule['type']);
  if (context.text('type') !== type) paramError({ type: `type mismatch: rule '${id}' is of type '${type}'` });
  const digest = context.text('digest');
  await context.withLock('domain-ha', 10_000, () => {
    if (digest !== undefined && digest !== digestOf(state))
      die('update ha rule failed: detected modified configuration - file changed by other user? Try again.');
    const changed: HaRule = { ...rule, ...given(context, type) };
    for (const key of splitList(context.text('delete') ?? '')) {
      if (settings[type]?.[key] !== false) die(`unable to delete required property '${key}'`);
      delete changed[key];
    }
    checkManaged(state, changed);
    haRules(state)[id] = changed;
  });
  return null;
}

export const haRulesHandlers: HandlerTable = {
  'GET /cluster/ha/rules': list,
  'POST /cluster/ha/rules': create,
  'GET /cluster/ha/rules/{rule}': (context) => {
    const { id, rule } = needRule(context);
    return row(context.state, id, rule);
  },
  'PUT /cluster/ha/rules/{rule}': update,
  'DELETE /cluster/ha/rules/{rule}': async (context) => {
    checkQuorum(context);
    const { id } = needRule(context);
    await context.withLock('domain-ha', 10_000, () => {
      delete haRules(context.state)[id];
    });
    return null;
  },
};
