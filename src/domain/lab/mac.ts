/** MAC addresses that follow from who a container is, so that a new container in its place has the same one. */
import { digestOf } from '../../util/canonical-json.ts';

/** PVE: the prefix of Proxmox's own addresses, default of the datacenter option mac_prefix since 8.1. */
const prefix = 'BC:24:11';

/**
 * Derives a MAC address.
 *
 * @param fleet - name of the fleet.
 * @param key - key of the container.
 * @param net - name of the interface inside.
 * @returns for example `BC:24:11:0A:1B:2C`.
 */
export function stableMac(fleet: string, key: string, net: string): string {
  const digits = digestOf({ fleet, key, net }).slice(0, 6).toUpperCase();
  return [prefix, ...(digits.match(/../g) ?? [])].join(':');
}
