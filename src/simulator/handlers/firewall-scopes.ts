/** Where firewall settings live, and what their handlers share. No handler itself. */
import { die, type HandlerContext } from '../context.ts';
import { type FirewallFile, firewallDigest, firewallFile, guestFirewall } from '../model/firewall.ts';
import { nodeOf } from '../model/nodes.ts';
import { needContainer } from './lxc-common.ts';

/** Where settings live: a path, and the file behind it. */
export interface Scope {
  readonly base: string;
  readonly file: (context: HandlerContext) => FirewallFile;
  /** Interfaces of rules are nets of the guest. */
  readonly isGuest?: true;
}

/** The datacenter. */
export const clusterScope: Scope = {
  base: '/cluster/firewall',
  file: ({ state }) => firewallFile(state, 'cluster'),
};
/** A node. */
export const nodeScope: Scope = {
  base: '/nodes/{node}/firewall',
  file: (context) => firewallFile(context.state, `nodes/${nodeOf(context).name}`),
};
/** A container; an unknown one is refused. */
export const containerScope: Scope = {
  base: '/nodes/{node}/lxc/{vmid}/firewall',
  file: (context) => firewallFile(context.state, guestFirewall(needContainer(context).vmid)),
  isGuest: true,
};

/**
 * Refuses when the caller knows another state of a part.
 *
 * @param context - request, perhaps with a `digest`.
 * @param part - options, rules, …
 * @throws SimError 500.
 */
export function checkDigest(context: HandlerContext, part: object): void {
  const digest = context.text('digest');
  if (digest !== undefined && digest !== '' && digest !== firewallDigest(part))
    die('detected modified configuration - file changed by other user? Try again.');
}

/** Value of a parameter: numbers where the schema has integers and booleans. */
function givenValue(context: HandlerContext, key: string): string | number | undefined {
  const type = context.operation.parameters.properties[key]?.type;
  return type === 'integer' || type === 'boolean' ? context.number(key) : context.text(key);
}

const pathKeys = new Set(['node', 'vmid', 'pos', 'group', 'name', 'digest', 'delete', 'moveto']);

/**
 * All settings that a request brings: what is neither of the path nor about the change itself.
 *
 * @param context - request.
 */
export function givenSettings(context: HandlerContext): Record<string, string | number> {
  const entries = Object.keys(context.params)
    .filter((key) => !pathKeys.has(key))
    .flatMap((key): [string, string | number][] => {
      const value = givenValue(context, key);
      return value === undefined ? [] : [[key, value]];
    });
  return Object.fromEntries(entries);
}
