/**
 * Firewall settings of the cluster, of nodes and of containers (contract lxc-endpoints §H). They are kept and shown; no
 * packet is ever filtered.
 */
import type { HandlerContext, HandlerTable } from '../context.ts';
import { firewallMacros } from '../model/firewall.ts';
import { directory } from './directory.ts';
import { aliasesTable, refsTable, setsTable } from './firewall-objects.ts';
import { groupsTable, optionsTable, rulesTable } from './firewall-rules.ts';
import { clusterScope, containerScope, nodeScope, type Scope } from './firewall-scopes.ts';
import { needContainer } from './lxc-common.ts';

/** No packets, no log. */
function emptyLog(context: HandlerContext): unknown {
  context.extra('total', 1);
  return [{ n: 1, t: 'no content' }];
}

function scopeRules(scope: Scope): HandlerTable {
  return rulesTable(`${scope.base}/rules`, (context) => scope.file(context).rules, scope.isGuest ?? false);
}

export const firewallHandlers: HandlerTable = {
  'GET /cluster/firewall': directory('/cluster/firewall'),
  'GET /nodes/{node}/firewall': directory('/nodes/{node}/firewall'),
  ...optionsTable(clusterScope),
  ...scopeRules(clusterScope),
  ...aliasesTable(clusterScope),
  ...setsTable(clusterScope),
  ...refsTable(clusterScope),
  ...groupsTable(),
  'GET /cluster/firewall/macros': () => firewallMacros.map(([macro, descr]) => ({ macro, descr })),
  ...optionsTable(nodeScope),
  ...scopeRules(nodeScope),
  'GET /nodes/{node}/firewall/log': emptyLog,
  ...optionsTable(containerScope),
  ...scopeRules(containerScope),
  ...aliasesTable(containerScope),
  ...setsTable(containerScope),
  ...refsTable(containerScope),
  'GET /nodes/{node}/lxc/{vmid}/firewall': (context) => {
    needContainer(context);
    return ['rules', 'aliases', 'ipset', 'refs', 'options'].map((name) => ({ name }));
  },
  'GET /nodes/{node}/lxc/{vmid}/firewall/log': emptyLog,
};
