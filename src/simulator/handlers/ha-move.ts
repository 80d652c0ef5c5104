/**
 * Moving services of the HA manager, and what the manager tells of itself (pve-ha-manager API2/HA/Resources.pm, Status.pm).
 * The container moves in the manager's next round.
 */
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import { companions, obstacles } from '../model/ha-rules.ts';
import { localNode } from '../model/nodes.ts';
import { guestOf } from '../model/resources.ts';
import { serviceId, serviceState } from './ha.ts';
import { checkQuorum } from './lxc-common.ts';
import { moveInNextRound } from './lxc-migrate.ts';

/** Moves a service and those that must stay with it; both ways restart a running container. */
function move(context: HandlerContext): unknown {
  const { state } = context;
  checkQuorum(context);
  const { sid } = serviceId(state, context.text('sid') ?? '');
  if (!Object.hasOwn(state.haResources, sid)) die(`no such resource '${sid}'`);
  const target = context.text('node') ?? '';
  if (!Object.hasOwn(state.nodes, target)) die(`no such cluster node '${target}'`);
  const answer = { sid, 'requested-node': target };
  const blocking = obstacles(state, sid, target).filter(({ cause }) => cause === 'resource-affinity');
  if (blocking.length > 0) return { ...answer, 'blocking-resources': blocking };
  const moved = companions(state, sid);
  for (const service of [sid, ...moved]) {
    const vmid = Number(service.slice(service.indexOf(':') + 1));
    const node = guestOf(state, vmid)?.node;
    if (service.startsWith('ct:') && node !== undefined && node !== target)
      moveInNextRound(context, vmid, node, target);
  }
  return { ...answer, ...(moved.length > 0 ? { 'comigrated-resources': moved } : {}) };
}

function managerStatus(context: HandlerContext): unknown {
  const { state } = context;
  const timestamp = context.seconds();
  const master = localNode(state).name;
  const resources = Object.entries(state.haResources);
  const isBusy = resources.length > 0;
  const perNode = <T>(value: (isOnline: boolean) => T): Record<string, T> =>
    Object.fromEntries(
      Object.values(state.nodes).map(({ name, status }) => [name, value(status === 'online')]),
    );
  const services = resources.map(([sid, entry]) => {
    const node = guestOf(state, Number(sid.slice(sid.indexOf(':') + 1)))?.node ?? '';
    return [sid, { node, state: serviceState(state, sid, entry), running: 1 }] as const;
  });
  return {
    quorum: { node: master, quorate: state.quorate ? 1 : 0 },
    manager_status: {
      master_node: master,
      node_status: perNode((isOnline) => (isOnline ? 'online' : 'unknown')),
      service_status: Object.fromEntries(services),
      timestamp,
    },
    lrm_status: perNode((isOnline) => ({
      mode: 'active',
      results: {},
      state: isBusy && isOnline ? 'active' : 'wait_for_agent_lock',
      timestamp,
    })),
  };
}

export const haMoveHandlers: HandlerTable = {
  'POST /cluster/ha/resources/{sid}/migrate': move,
  'POST /cluster/ha/resources/{sid}/relocate': move,
  'GET /cluster/ha/status/manager_status': managerStatus,
};
