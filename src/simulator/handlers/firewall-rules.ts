/** Firewall options, rules and security groups (contract lxc-endpoints §H). */
import { die, type Handler, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { type FirewallFile, type FirewallRule, firewallDigest, firewallMacros } from '../model/firewall.ts';
import { checkDigest, clusterScope, givenSettings, type Scope } from './firewall-scopes.ts';

/**
 * Options of a scope.
 */
export function optionsTable({ base, file }: Scope): HandlerTable {
  return {
    [`GET ${base}/options`]: (context) => {
      const { options } = file(context);
      return { ...options, digest: firewallDigest(options) };
    },
    [`PUT ${base}/options`]: (context) => {
      const { options } = file(context);
      checkDigest(context, options);
      Object.assign(options, givenSettings(context));
      for (const key of splitList(context.text('delete') ?? '')) delete options[key];
      return null;
    },
  };
}

/** Refuses rules that make no sense (PVE::Firewall verify_rule). */
function checkRule(rule: FirewallRule, groups: FirewallFile['groups'], isGuest: boolean): void {
  const errors: Record<string, string> = {};
  const { action, iface, macro, proto, type } = rule;
  if (type === 'group') {
    if (!Object.hasOwn(groups, String(action))) errors['action'] = `no such security group '${action}'`;
  } else if (!['ACCEPT', 'DROP', 'REJECT'].includes(String(action))) {
    errors['action'] = `unknown action '${action}'`;
  }
  if (macro !== undefined && !firewallMacros.some(([name]) => name === macro))
    errors['macro'] = `unknown macro '${macro}'`;
  if (isGuest && iface !== undefined && !/^net\d+$/.test(String(iface)))
    errors['iface'] = 'value does not look like a valid interface name';
  for (const key of ['sport', 'dport'])
    if (rule[key] !== undefined && proto === undefined && macro === undefined)
      errors['proto'] = `missing property - '${key}' requires this property`;
  if (Object.keys(errors).length > 0) paramError(errors);
}

/**
 * Rules below a path.
 *
 * @param path - path template of the list.
 * @param rulesOf - finds the list; refuses where there is none.
 * @param isGuest - interfaces of rules are nets of the guest.
 */
export function rulesTable(
  path: string,
  rulesOf: (context: HandlerContext) => FirewallRule[],
  isGuest: boolean,
): HandlerTable {
  const shown = (rules: readonly FirewallRule[]): unknown[] =>
    rules.map((rule, pos) => ({ ...rule, pos, digest: firewallDigest(rules) }));
  const position = (context: HandlerContext, rules: readonly FirewallRule[]): number => {
    const pos = context.number('pos') ?? 0;
    if (pos >= rules.length) die(`no rule at position ${pos}`);
    return pos;
  };
  const groupsOf = (context: HandlerContext): FirewallFile['groups'] => clusterScope.file(context).groups;
  return {
    [`GET ${path}`]: (context) => shown(rulesOf(context)),
    [`GET ${path}/{pos}`]: (context) => {
      const rules = rulesOf(context);
      return shown(rules)[position(context, rules)];
    },
    [`POST ${path}`]: (context) => {
      const rules = rulesOf(context);
      const rule = { enable: 0, ...givenSettings(context) };
      checkRule(rule, groupsOf(context), isGuest);
      rules.unshift(rule);
      return null;
    },
    [`PUT ${path}/{pos}`]: (context) => {
      const rules = rulesOf(context);
      checkDigest(context, rules);
      const pos = position(context, rules);
      const moveto = context.number('moveto');
      if (moveto !== undefined && moveto !== pos) {
        // The place is counted before the rule is taken out.
        const [rule] = rules.splice(pos, 1) as [FirewallRule];
        rules.splice(moveto > pos ? moveto - 1 : moveto, 0, rule);
        return null;
      }
      const changed: FirewallRule = { ...rules[pos], ...givenSettings(context) };
      for (const key of splitList(context.text('delete') ?? '')) delete changed[key];
      checkRule(changed, groupsOf(context), isGuest);
      rules[pos] = changed;
      return null;
    },
    [`DELETE ${path}/{pos}`]: (context) => {
      const rules = rulesOf(context);
      checkDigest(context, rules);
      rules.splice(position(context, rules), 1);
      return null;
    },
  };
}

/**
 * Security groups of the datacenter, and their rules.
 */
export function groupsTable(): HandlerTable {
  const group = (context: HandlerContext): string => context.text('group') ?? '';
  const known = (context: HandlerContext): FirewallFile['groups'][string] =>
    clusterScope.file(context).groups[group(context)] ?? die(`no such security group '${group(context)}'`);
  const base = `${clusterScope.base}/groups`;
  const create: Handler = (context) => {
    const { groups } = clusterScope.file(context);
    const rename = context.text('rename');
    const comment = context.text('comment');
    if (rename === undefined) {
      if (groups[group(context)]) paramError({ group: `Security group '${group(context)}' already exists` });
      groups[group(context)] = { ...(comment ? { comment } : {}), rules: [] };
      return null;
    }
    const old = groups[rename] ?? paramError({ group: `Security group '${rename}' does not exist` });
    if (rename !== group(context) && groups[group(context)])
      paramError({ group: `Security group '${group(context)}' already exists` });
    delete groups[rename];
    groups[group(context)] = { ...(comment ? { comment } : {}), rules: old.rules };
    return null;
  };
  return {
    [`GET ${base}`]: (context) => {
      const { groups } = clusterScope.file(context);
      return Object.keys(groups)
        .sort()
        .map((name) => {
          const comment = groups[name]?.comment;
          return { group: name, ...(comment ? { comment } : {}), digest: firewallDigest(groups) };
        });
    },
    [`POST ${base}`]: create,
    [`DELETE ${base}/{group}`]: (context) => {
      if (known(context).rules.length > 0) die(`Security group '${group(context)}' is not empty`);
      delete clusterScope.file(context).groups[group(context)];
      return null;
    },
    ...rulesTable(`${base}/{group}`, (context) => known(context).rules, false),
  };
}
