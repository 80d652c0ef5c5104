/**
 * Interfaces and addresses of a running container, as GET interfaces shows them. Reads only.
 * Static addresses come up shortly after the start, by the container's own network set-up; leases only where the bridge
 * has a DHCP server.
 */
import { findBridge } from './host.ts';
import { linkLocalAddress } from './mac.ts';
import { completeNet } from './property-values.ts';
import type { SimBridge, SimContainer, SimState } from './state.ts';
import { durations } from './timing.ts';

interface Address {
  readonly 'ip-address-type': 'inet' | 'inet6';
  readonly 'ip-address': string;
  /** Text, although the schema says integer. */
  readonly prefix: string;
}

/** An interface as the API shows it. */
export interface GuestInterface {
  readonly name: string;
  readonly hwaddr: string;
  readonly 'hardware-address': string;
  /** The last address of its family. */
  readonly inet?: string;
  readonly inet6?: string;
  readonly 'ip-addresses': readonly Address[];
}

function address(cidr: string): Address {
  const [ip = '', prefix = ''] = cidr.split('/');
  return { 'ip-address': ip, 'ip-address-type': ip.includes(':') ? 'inet6' : 'inet', prefix };
}

function shown(name: string, mac: string, addresses: readonly Address[]): GuestInterface {
  const last = (family: string): string | undefined => {
    const found = addresses.findLast((item) => item['ip-address-type'] === family);
    return found && `${found['ip-address']}/${found.prefix}`;
  };
  const inet = last('inet');
  const inet6 = last('inet6');
  return {
    name,
    hwaddr: mac,
    'hardware-address': mac,
    ...(inet === undefined ? {} : { inet }),
    ...(inet6 === undefined ? {} : { inet6 }),
    'ip-addresses': addresses,
  };
}

const toNumber = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toText = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/**
 * The lease that a bridge's DHCP server gives: always the same for an interface.
 *
 * @param bridge - `dhcp` is the first address of its range with the prefix, for example `10.0.3.100/24`.
 * @returns address with prefix, or `undefined` when there is no server.
 */
function dhcpLease(bridge: SimBridge | undefined, vmid: number, index: number): string | undefined {
  if (bridge?.dhcp === undefined) return undefined;
  const [first = '', prefix = '24'] = bridge.dhcp.split('/');
  const size = 2 ** (32 - Number(prefix));
  const start = toNumber(first);
  const room = size - 1 - (start % size);
  return `${toText(start + ((vmid + index * 37) % Math.max(1, room)))}/${prefix}`;
}

/**
 * Interfaces of a running container.
 *
 * @param nowMs - simulated ms since the epoch.
 * @returns `lo` and one interface for each net, or null when the container is stopped.
 */
export function guestInterfaces(
  state: SimState,
  container: SimContainer,
  nowMs: number,
): GuestInterface[] | null {
  const { runtime, config, node, vmid } = container;
  if (!runtime) return null;
  const age = nowMs - runtime.startedAtMs;
  const interfaces = [shown('lo', '00:00:00:00:00:00', [address('127.0.0.1/8'), address('::1/128')])];
  for (const key of Object.keys(config)
    .filter((name) => /^net\d+$/.test(name))
    .sort()) {
    const net = completeNet(config[key] as string, () => '');
    const mac = (net['hwaddr'] ?? '').toLowerCase();
    const linked = net['link_down'] !== '1';
    const bridge = findBridge(state, node, net['bridge']);
    const isStatic = (value: string | undefined): value is string => value?.includes('/') ?? false;
    const lease =
      net['ip'] === 'dhcp' && linked && age >= durations.networkUp + durations.dhcpLease
        ? (container.leases?.[key] ?? dhcpLease(bridge, vmid, Number(key.slice(3))))
        : undefined;
    const up = age >= durations.networkUp;
    const cidrs = [
      ...(up && isStatic(net['ip']) ? [net['ip']] : []),
      ...(lease === undefined ? [] : [lease]),
      ...(up && isStatic(net['ip6']) ? [net['ip6']] : []),
      ...(up && linked ? [`${linkLocalAddress(mac)}/64`] : []),
    ];
    interfaces.push(shown(net['name'] ?? key, mac, cidrs.map(address)));
  }
  return interfaces;
}
