/** What may be used once only in a fleet: names, VMIDs, MAC and IP addresses. Findings name both users. */
import { staticAddress } from './addresses.ts';
import type { Instance } from './expand.ts';
import type { Findings } from './findings.ts';
import { locate, type Path, type Place } from './tree.ts';

interface Use {
  readonly instance: Instance;
  readonly place: Place;
}

type Register = (id: string, what: string, instance: Instance, path: Path) => boolean;

/** Remembers first uses and reports second ones. */
function createRegister(code: string, findings: Findings): Register {
  const uses = new Map<string, Use>();
  return (id: string, what: string, instance: Instance, path: Path): boolean => {
    const found = locate(instance.tree, path);
    const place = path.length > 0 && found.complete ? found.tree.place : (instance.row ?? instance.place);
    const first = uses.get(id);
    if (!first) {
      uses.set(id, { instance, place });
      return true;
    }
    const same = first.place.source === place.source && first.place.start === place.start;
    const owners =
      first.instance.key === instance.key
        ? `twice by '${instance.key}'`
        : `by '${first.instance.key}' and '${instance.key}'`;
    findings.report(
      {
        code,
        message: `${what} is used ${owners}`,
        hint: same ? 'they share this line: give each its own, in counted entries with {n}' : undefined,
        topic: 'duplicate',
      },
      place,
      same ? undefined : { message: `first used by '${first.instance.key}' here`, place: first.place },
    );
    return false;
  };
}

/**
 * Reports what is used twice.
 *
 * @param instances - all containers.
 * @param findings - gets the problems.
 * @returns the containers with a name of their own.
 */
export function checkUnique(instances: readonly Instance[], findings: Findings): Instance[] {
  const key = createRegister('SPEC_DUPLICATE_NAME', findings);
  const hostname = createRegister('SPEC_DUPLICATE_HOSTNAME', findings);
  const vmid = createRegister('SPEC_DUPLICATE_VMID', findings);
  const mac = createRegister('SPEC_DUPLICATE_MAC', findings);
  const address = createRegister('SPEC_DUPLICATE_ADDRESS', findings);
  const named = instances.filter((instance) => key(instance.key, `the name '${instance.key}'`, instance, []));
  for (const instance of named) {
    const { raw } = instance;
    const host = raw.hostname ?? instance.key;
    hostname(host.toLowerCase(), `the hostname '${host}'`, instance, ['hostname']);
    if (typeof raw.vmid === 'number') vmid(String(raw.vmid), `the VMID ${raw.vmid}`, instance, ['vmid']);
    for (const [name, net] of Object.entries(raw.nets ?? {})) {
      if (!net) continue;
      if (net.mac != null)
        mac(net.mac.toUpperCase(), `the MAC address ${net.mac}`, instance, ['nets', name, 'mac']);
      for (const family of ['ip', 'ip6'] as const) {
        const text = net[family];
        const own = typeof text === 'string' ? staticAddress(text) : undefined;
        // Networks that are not connected may use the same addresses.
        if (own)
          address(
            JSON.stringify([own.address, net.bridge, net.vlan ?? null]),
            `the address ${own.address}`,
            instance,
            ['nets', name, family],
          );
      }
    }
  }
  return named;
}
