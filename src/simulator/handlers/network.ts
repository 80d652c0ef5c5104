/** Network of a node: its bridges as the interfaces file has them (reference-cluster.md). Read only. */
import { type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { nodeOf } from '../model/nodes.ts';
import type { SimBridge } from '../model/state.ts';

const bridgeTypes = new Set(['bridge', 'OVSBridge']);

/** What the interface's settings say; `priority` is its place in the file, after lo and the port. */
function settings(bridge: SimBridge, index: number): Record<string, unknown> {
  const [address, netmask] = bridge.cidr?.split('/') ?? [];
  return {
    type: bridge.type,
    active: 1,
    autostart: 1,
    families: ['inet'],
    method: address === undefined ? 'manual' : 'static',
    method6: 'manual',
    priority: index + 3,
    ...(address === undefined ? {} : { address, netmask, cidr: bridge.cidr }),
    ...(bridge.type === 'bridge' ? { bridge_ports: '', bridge_stp: 'off', bridge_fd: '0' } : {}),
    ...(bridge.mtu === 1500 ? {} : { mtu: String(bridge.mtu) }),
  };
}

/** Bridges are shown to those who may use or see them in the zone of plain bridges. */
function maySee(context: HandlerContext, bridge: SimBridge): boolean {
  return context.has(`/sdn/zones/localnetwork/${bridge.iface}`, ['SDN.Audit', 'SDN.Use'], { any: true });
}

function list(context: HandlerContext): unknown {
  const type = context.text('type');
  const wanted = (bridge: SimBridge): boolean => {
    if (type === undefined || type === 'include_sdn') return true;
    if (type === 'any_bridge' || type === 'any_local_bridge') return bridgeTypes.has(bridge.type);
    return bridge.type === type;
  };
  return nodeOf(context)
    .bridges.map((bridge, index) => ({ bridge, index }))
    .filter(({ bridge }) => wanted(bridge))
    .filter(({ bridge }) => type === undefined || !bridgeTypes.has(bridge.type) || maySee(context, bridge))
    .toSorted((a, b) => (a.bridge.iface < b.bridge.iface ? -1 : 1))
    .map(({ bridge, index }) => ({ iface: bridge.iface, ...settings(bridge, index) }));
}

function one(context: HandlerContext): unknown {
  const { bridges } = nodeOf(context);
  const index = bridges.findIndex(({ iface }) => iface === context.text('iface'));
  const bridge = bridges[index] ?? paramError({ iface: 'interface does not exist' });
  return settings(bridge, index);
}

export const networkHandlers: HandlerTable = {
  // No software-defined network is set up: every node has the zone of its plain bridges, which these do not list.
  'GET /cluster/sdn/zones': () => [],
  'GET /cluster/sdn/vnets': () => [],
  'GET /nodes/{node}/network': list,
  'GET /nodes/{node}/network/{iface}': one,
};
