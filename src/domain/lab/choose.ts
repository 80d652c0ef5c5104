/** Values that a container of the file gets only when it meets the cluster: addresses of pools, and the tag of its group. */
import type { Diagnostic } from '../../util/diagnostic.ts';
import type { ClusterSnapshot } from '../actual.ts';
import type { DesiredContainer } from '../desired.ts';
import { specDigestOf } from '../ownership.ts';
import type { Refusal } from '../plan.ts';
import { assignAddresses, type Claimant } from './addresses.ts';
import { tagsWithGroup } from './groups.ts';

/** A container of the file with everything chosen. */
export interface Chosen {
  readonly desired: DesiredContainer;
  readonly refusals: readonly Refusal[];
  readonly notices: readonly Diagnostic[];
}

/** MAC addresses that the file asks for and other containers have. */
function macNotices(desired: DesiredContainer, vmid: number | undefined, macs: Macs): Diagnostic[] {
  return Object.entries(desired.nets ?? {}).flatMap(([name, { mac }]) => {
    const others = mac === undefined ? [] : (macs.get(mac) ?? []).filter((one) => one !== vmid);
    return others.length === 0
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'MAC_IN_USE',
            message: `${desired.key}: container ${others.join(' and ')} has the MAC address ${mac} of ${name} already`,
            hint: 'write another mac for one of them',
          },
        ];
  });
}

type Macs = ReadonlyMap<string, readonly number[]>;

function macsOf({ containers }: Pick<ClusterSnapshot, 'containers'>): Macs {
  const macs = new Map<string, number[]>();
  for (const { vmid, next } of [...containers.values()].sort((a, b) => a.vmid - b.vmid))
    for (const { hwaddr } of Object.values(next.nets)) {
      const mac = hwaddr?.toUpperCase();
      if (mac !== undefined) macs.set(mac, [...(macs.get(mac) ?? []), vmid]);
    }
  return macs;
}

/**
 * Fills in what is chosen when planning.
 *
 * @param claimants - the whole fleet, in natural order of keys.
 * @param snapshot - the cluster.
 * @returns in the same order, each container with its addresses and tags; its digest stays that of the file.
 */
export function chooseValues(claimants: readonly Claimant[], snapshot: ClusterSnapshot): Chosen[] {
  const addresses = assignAddresses(claimants, snapshot);
  const macs = macsOf(snapshot);
  return claimants.map(({ desired, actual, isRefused }): Chosen => {
    if (isRefused) return { desired, refusals: [], notices: [] };
    const assigned = addresses.get(desired);
    const tags = tagsWithGroup(desired, actual);
    const notices = [...(assigned?.notices ?? []), ...macNotices(desired, actual?.vmid, macs)];
    if (!assigned && !tags) return { desired, refusals: [], notices };
    return {
      desired: {
        ...desired,
        ...(assigned ? { nets: assigned.nets } : {}),
        ...(tags ? { options: { ...desired.options, tags } } : {}),
        fileDigest: specDigestOf(desired),
      },
      refusals: assigned?.refusals ?? [],
      notices,
    };
  });
}

/**
 * Takes back what was chosen, to compare a container with one that it is not.
 *
 * @param desired - a container of the file, maybe with addresses of pools.
 * @returns it without those addresses: not managed then.
 */
export function withoutChosen(desired: DesiredContainer): DesiredContainer {
  if (!desired.nets) return desired;
  const nets = Object.entries(desired.nets).map(([name, net]) => {
    const { ip, ip6, ...rest } = net;
    return [
      name,
      {
        ...rest,
        ...(net.ipPool || ip === undefined ? {} : { ip }),
        ...(net.ip6Pool || ip6 === undefined ? {} : { ip6 }),
      },
    ] as const;
  });
  return { ...desired, nets: Object.fromEntries(nets) };
}
