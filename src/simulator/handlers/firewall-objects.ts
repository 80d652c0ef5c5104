/** What firewall rules refer to: aliases and IP sets. */
import { die, type Handler, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { type FirewallFile, firewallDigest } from '../model/firewall.ts';
import { checkDigest, clusterScope, type Scope } from './firewall-scopes.ts';

/**
 * Aliases of a scope: names of addresses.
 */
export function aliasesTable({ base, file }: Scope): HandlerTable {
  const key = (context: HandlerContext): string => (context.text('name') ?? '').toLowerCase();
  const known = (context: HandlerContext): FirewallFile['aliases'][string] =>
    file(context).aliases[key(context)] ?? paramError({ name: 'no such alias' });
  const entry = (context: HandlerContext, name: string): FirewallFile['aliases'][string] => {
    const comment = context.text('comment');
    return { name, cidr: context.text('cidr') ?? '', ...(comment ? { comment } : {}) };
  };
  const unused = (aliases: FirewallFile['aliases'], name: string): void => {
    if (aliases[name.toLowerCase()]) paramError({ name: `alias '${name}' already exists` });
  };
  return {
    [`GET ${base}/aliases`]: (context) => {
      const { aliases } = file(context);
      const list = Object.keys(aliases).sort();
      return list.map((name) => ({ ...aliases[name], digest: firewallDigest(aliases) }));
    },
    [`GET ${base}/aliases/{name}`]: known,
    [`POST ${base}/aliases`]: (context) => {
      const { aliases } = file(context);
      unused(aliases, context.text('name') ?? '');
      aliases[key(context)] = entry(context, context.text('name') ?? '');
      return null;
    },
    [`PUT ${base}/aliases/{name}`]: (context) => {
      const { aliases } = file(context);
      checkDigest(context, aliases);
      known(context);
      const rename = context.text('rename');
      if (rename !== undefined && rename.toLowerCase() !== key(context)) {
        unused(aliases, rename);
        delete aliases[key(context)];
      }
      const name = rename ?? context.text('name') ?? '';
      aliases[name.toLowerCase()] = entry(context, name);
      return null;
    },
    [`DELETE ${base}/aliases/{name}`]: (context) => {
      const { aliases } = file(context);
      checkDigest(context, aliases);
      delete aliases[key(context)];
      return null;
    },
  };
}

/**
 * IP sets of a scope.
 */
export function setsTable({ base, file }: Scope): HandlerTable {
  const name = (context: HandlerContext): string => context.text('name') ?? '';
  const known = (context: HandlerContext): FirewallFile['ipset'][string] =>
    file(context).ipset[name(context)] ?? die(`no such IPSet '${name(context)}'`);
  const member = (context: HandlerContext): { index: number } => {
    const index = known(context).entries.findIndex(({ cidr }) => cidr === context.text('cidr'));
    if (index < 0) paramError({ cidr: 'no such IP/Network' });
    return { index };
  };
  const withComment = (context: HandlerContext): { comment?: string } => {
    const comment = context.text('comment');
    return comment ? { comment } : {};
  };
  const update: Handler = (context) => {
    const { ipset } = file(context);
    const rename = context.text('rename');
    if (rename === undefined) {
      if (ipset[name(context)]) die(`IPSet '${name(context)}' already exists`);
      ipset[name(context)] = { ...withComment(context), entries: [] };
      return null;
    }
    // A change is a creation that names the old set; equal names change the comment alone.
    checkDigest(context, ipset);
    const old = ipset[rename] ?? die(`IPSet '${rename}' does not exist`);
    if (rename !== name(context) && ipset[name(context)]) die(`IPSet '${name(context)}' already exists`);
    delete ipset[rename];
    ipset[name(context)] = { entries: old.entries, ...withComment(context) };
    return null;
  };
  return {
    [`GET ${base}/ipset`]: (context) => {
      const { ipset } = file(context);
      return Object.keys(ipset)
        .sort()
        .map((key) => {
          const comment = ipset[key]?.comment;
          return { name: key, ...(comment ? { comment } : {}), digest: firewallDigest(ipset) };
        });
    },
    [`POST ${base}/ipset`]: update,
    [`GET ${base}/ipset/{name}`]: (context) => {
      const { entries } = known(context);
      return entries.map((entry) => ({ ...entry, digest: firewallDigest(entries) }));
    },
    [`DELETE ${base}/ipset/{name}`]: (context) => {
      if (known(context).entries.length > 0 && context.flag('force') !== true)
        die(`IPSet '${name(context)}' is not empty`);
      delete file(context).ipset[name(context)];
      return null;
    },
    [`POST ${base}/ipset/{name}`]: (context) => {
      const { entries } = known(context);
      const cidr = context.text('cidr') ?? '';
      if (entries.some((entry) => entry.cidr === cidr))
        paramError({ cidr: `address '${cidr}' already exists` });
      entries.unshift({
        cidr,
        ...(context.flag('nomatch') ? { nomatch: 1 as const } : {}),
        ...withComment(context),
      });
      return null;
    },
    [`GET ${base}/ipset/{name}/{cidr}`]: (context) => known(context).entries[member(context).index],
    [`PUT ${base}/ipset/{name}/{cidr}`]: (context) => {
      const { entries } = known(context);
      checkDigest(context, entries);
      const nomatch = context.flag('nomatch');
      const { index } = member(context);
      entries[index] = {
        cidr: context.text('cidr') ?? '',
        ...(nomatch ? { nomatch: 1 as const } : {}),
        ...withComment(context),
      };
      return null;
    },
    [`DELETE ${base}/ipset/{name}/{cidr}`]: (context) => {
      const { entries } = known(context);
      checkDigest(context, entries);
      entries.splice(member(context).index, 1);
      return null;
    },
  };
}

/**
 * What rules of a scope may refer to: its own aliases and sets, and those of the datacenter.
 */
export function refsTable(scope: Scope): HandlerTable {
  const rows = (file: FirewallFile, place: 'dc' | 'guest'): Record<string, unknown>[] => [
    ...Object.values(file.aliases).map(({ name, comment }) => ({
      type: 'alias',
      name,
      ref: `${place}/${name}`,
      scope: place,
      ...(comment ? { comment } : {}),
    })),
    ...Object.entries(file.ipset).map(([name, { comment }]) => ({
      type: 'ipset',
      name,
      ref: `+${place}/${name}`,
      scope: place,
      ...(comment ? { comment } : {}),
    })),
  ];
  return {
    [`GET ${scope.base}/refs`]: (context) => {
      const type = context.text('type');
      const own = scope.isGuest ? rows(scope.file(context), 'guest') : [];
      return [...rows(clusterScope.file(context), 'dc'), ...own].filter(
        (row) => type === undefined || row['type'] === type,
      );
    },
  };
}
