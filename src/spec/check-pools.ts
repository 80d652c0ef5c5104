/** Ranges of addresses that are too small for the containers that want one of them: counted, as far as the file tells. */
import { capacityOf, openPool, readAddress } from '../domain/lab/address-pool.ts';
import { addressPool } from './addresses.ts';
import type { Instance } from './expand.ts';
import type { FileNet } from './file.ts';
import type { Findings } from './findings.ts';
import { locate, type Place } from './tree.ts';

const families = [
  ['ip', 'gateway'],
  ['ip6', 'gateway6'],
] as const;

interface Demand {
  readonly net: FileNet;
  readonly family: 'ip' | 'ip6';
  readonly place: Place;
  count: number;
}

const isPool = (value: FileNet['ip']): boolean => typeof value === 'object' && value !== null;
const hasPool = ({ raw }: Instance): boolean =>
  Object.values(raw.nets ?? {}).some((net) => isPool(net?.ip) || isPool(net?.ip6));

/** Networks that meet: the same bridge and VLAN. */
const networkOf = ({ bridge, vlan }: FileNet): string => JSON.stringify([bridge ?? null, vlan ?? null]);

/**
 * Reports ranges that cannot hold everybody.
 *
 * @param instances - all containers.
 * @param findings - gets one finding for each range.
 */
export function checkPools(instances: readonly Instance[], findings: Findings): void {
  if (!instances.some(hasPool)) return;
  const demands = new Map<string, Demand>();
  const taken = new Map<string, bigint[]>();
  for (const instance of instances)
    for (const [name, net] of Object.entries(instance.raw.nets ?? {})) {
      if (!net) continue;
      const network = networkOf(net);
      const others = taken.get(network) ?? [];
      taken.set(network, others);
      for (const [family, gateway] of families) {
        const value = net[family];
        const pool = value == null ? undefined : addressPool(value);
        for (const text of [net[gateway], typeof value === 'string' ? value.split('/')[0] : undefined]) {
          const address = readAddress(text ?? '');
          if (address) others.push(address.value);
        }
        if (!pool) continue;
        const id = JSON.stringify([network, family, pool]);
        const { place } = locate(instance.tree, ['nets', name, family]).tree;
        const demand = demands.get(id) ?? { net, family, place, count: 0 };
        demand.count += 1;
        demands.set(id, demand);
      }
    }
  for (const { net, family, place, count } of demands.values()) {
    const pool = addressPool(net[family]);
    const open = pool && openPool(pool);
    if (!pool || !open) continue;
    const capacity = capacityOf(open, taken.get(networkOf(net)) ?? []);
    if (capacity < count)
      findings.report(
        {
          code: 'SPEC_ADDRESS_POOL',
          message: `${count} containers want an address of ${pool.range}, and there are ${capacity}`,
          hint: 'widen the range, or give groups ranges of their own',
        },
        place,
      );
  }
}
