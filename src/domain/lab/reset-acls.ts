/** Roles on a container, which the server forgets when it is destroyed → actions that give them again. Pure. */
import { build, type Target } from '../actions.ts';
import type { Action, FieldChange } from '../plan.ts';
import type { AclEntry } from './reset-facts.ts';

const words: Readonly<Record<AclEntry['type'], 'users' | 'groups' | 'tokens'>> = {
  user: 'users',
  group: 'groups',
  token: 'tokens',
};

/** `PVEVMUser of anna@pve`, and `(not below)` where it does not propagate. */
export const showAcl = ({ roleid, ugid, propagate }: AclEntry): string =>
  `${roleid} of ${ugid}${propagate ? '' : ' (not below)'}`;

/**
 * Gives roles on a container again, one call for each role.
 *
 * @param target - the container; the server takes entries for one that is not there, too.
 * @param entries - what is to be there.
 * @param after - what comes first.
 */
export function aclActions(target: Target, entries: readonly AclEntry[], after: readonly string[]): Action[] {
  const calls = new Map<string, AclEntry[]>();
  for (const entry of entries) {
    const call = `${entry.roleid} ${entry.propagate}`;
    calls.set(call, [...(calls.get(call) ?? []), entry]);
  }
  return [...calls.values()].map((same, index): Action => {
    const [{ roleid, propagate }] = same as [AclEntry];
    const named = (['user', 'group', 'token'] as const).flatMap((type) => {
      const names = same.filter((entry) => entry.type === type).map(({ ugid }) => ugid);
      return names.length === 0 ? [] : [[words[type], names.join(',')] as const];
    });
    const change: FieldChange = {
      field: 'acl',
      from: null,
      to: same.map(showAcl),
      effect: 'live',
    };
    return build(
      'access.acl',
      `${target.key}/acl${index === 0 ? '' : `:${index + 1}`}`,
      target,
      {
        method: 'PUT',
        path: '/access/acl',
        params: { path: `/vms/${target.vmid}`, roles: roleid, propagate, ...Object.fromEntries(named) },
      },
      { reason: 'rights as before', after, changes: [change] },
      { completes: 'now' },
    );
  });
}
