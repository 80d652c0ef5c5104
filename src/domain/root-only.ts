/** Labels the changes that only root@pam may make, so that the plan says so before anything is sent. Pure. */
import { decodeLxcConfig } from '../codec/lxc-config.ts';
import type { ActualContainer } from './actual.ts';
import type { Vmid } from './desired.ts';
import type { Action } from './plan.ts';
import { rightsOf } from './rights.ts';
import { plainPath } from './spelling.ts';

/**
 * Names the fields that a wire key of an action carries.
 *
 * @param action - the action.
 * @param wireKey - for example `mp0` or `features`.
 * @returns field ids; the key itself where it carries none that the plan shows.
 */
export function fieldsOfKey(action: Action, wireKey: string): string[] {
  const value = action.request.params[wireKey];
  const path =
    wireKey.startsWith('mp') && typeof value === 'string'
      ? decodeLxcConfig({ [wireKey]: value }).mounts[wireKey]?.mp
      : undefined;
  const isCarried = ({ field }: Action['changes'][number]): boolean => {
    if (path !== undefined) return field === `mounts.${plainPath(path)}`;
    return /^dev\d/.test(wireKey) ? field.startsWith('devices.') : field === wireKey;
  };
  const fields = action.changes.filter(isCarried).map(({ field }) => field);
  return fields.length > 0 ? fields : [wireKey];
}

/**
 * Labels changes that need root@pam.
 *
 * @param actions - of one container, in their order.
 * @param actual - the container as it is; absent: it is new.
 * @returns the same actions.
 */
export function labelRootOnly(
  actions: readonly Action[],
  actual: ActualContainer | undefined,
): readonly Action[] {
  const containers = new Map<Vmid, ActualContainer>(actual ? [[actual.vmid, actual]] : []);
  return rightsOf(actions, { containers }).map(({ action, needs }) => {
    const keys = needs.filter(({ oneOf }) => oneOf.length === 0).flatMap(({ wireKey }) => wireKey ?? []);
    if (keys.length === 0) return action;
    const fields = new Set(keys.flatMap((key) => fieldsOfKey(action, key)));
    return {
      ...action,
      changes: action.changes.map((change) =>
        fields.has(change.field) ? { ...change, needs: 'root@pam' as const } : change,
      ),
    };
  });
}
