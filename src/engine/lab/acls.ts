/** Roles on containers: reading them, and looking whether those that were given are there. */
import { decodeBoolean } from '../../codec/scalar.ts';
import type { Vmid } from '../../domain/desired.ts';
import { showAcl } from '../../domain/lab/reset-acls.ts';
import type { AclEntry } from '../../domain/lab/reset-facts.ts';
import type { Action, FieldChange } from '../../domain/plan.ts';
import type { EngineContext } from '../context.ts';

/** Whether an action gives roles. */
export const isAcl = ({ kind }: Action): boolean => kind === 'access.acl';

const types = ['user', 'group', 'token'] as const;

/**
 * Reads the roles that are given on containers themselves. The server shows those that the account could change.
 *
 * @returns entries by vmid.
 */
export async function readAcls(context: EngineContext): Promise<Map<Vmid, AclEntry[]>> {
  const rows = await context.pve.get('/access/acl', {}, { signal: context.signal });
  const acls = new Map<Vmid, AclEntry[]>();
  for (const { path, type, ugid, roleid, propagate } of rows) {
    const vmid = Number(/^\/vms\/(\d+)$/.exec(path)?.[1]);
    const known = types.find((one) => one === type);
    if (Number.isNaN(vmid) || known === undefined) continue;
    const entry: AclEntry = { type: known, ugid, roleid, propagate: decodeBoolean(propagate) ?? true };
    acls.set(vmid, [...(acls.get(vmid) ?? []), entry]);
  }
  return acls;
}

/**
 * Looks whether the roles that an action gives are there.
 *
 * @returns the change that is not there, or none.
 */
export async function unprovedAcls(
  context: EngineContext,
  action: Action,
  vmid: number,
): Promise<FieldChange[]> {
  const there = ((await readAcls(context)).get(vmid) ?? []).map(showAcl);
  return action.changes.flatMap((change): FieldChange[] => {
    const wanted = Array.isArray(change.to) ? (change.to as readonly string[]) : [];
    return wanted.every((one) => there.includes(one)) ? [] : [{ ...change, from: change.to, to: there }];
  });
}
