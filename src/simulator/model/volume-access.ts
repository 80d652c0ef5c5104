/** Who may see and use a volume: rights on its storage, and on the guest that owns it. */
import { die, type HandlerContext } from '../context.ts';
import type { SimVolume } from './state.ts';
import { parseVolumeId, parseVolumeName } from './volume-names.ts';
import { storageConfig } from './volumes.ts';

/** A right that using a volume needs. */
type Need = readonly [path: string, privileges: readonly string[], any?: true];

/**
 * Rights that reading or attaching a volume needs.
 * Source: contract lxc-endpoints §I (an auditor sees no container volumes) and pve-storage's volume access check.
 */
function accessNeeds(
  context: HandlerContext,
  volid: string,
  forVmid: number | undefined,
): readonly Need[] | undefined {
  const parsed = parseVolumeId(volid);
  if (!parsed) return undefined;
  const name = parseVolumeName(storageConfig(context.state, parsed.storage).type, parsed.name);
  const path = `/storage/${parsed.storage}`;
  if (!name) return undefined;
  if (context.has(path, ['Datastore.Allocate'])) return [];
  if (['iso', 'vztmpl', 'import'].includes(name.content))
    return [[path, ['Datastore.AllocateSpace', 'Datastore.Audit'], true]];
  if (name.vmid === undefined) return undefined;
  if (forVmid === name.vmid) return [];
  const owner = `/vms/${name.vmid}`;
  if (name.content === 'backup')
    return [
      [path, ['Datastore.AllocateSpace']],
      [owner, ['VM.Backup']],
    ];
  return [
    [path, ['Datastore.Audit']],
    [owner, ['VM.Config.Disk']],
  ];
}

/**
 * Tells whether the caller may see and use a volume.
 *
 * @param context - request.
 * @param volume - the volume.
 */
export function mayAccessVolume(context: HandlerContext, volume: SimVolume): boolean {
  const needs = accessNeeds(context, volume.volid, undefined);
  return (
    needs?.every(([path, privileges, any]) => context.has(path, privileges, { any: any ?? false })) ?? false
  );
}

/**
 * Refuses a caller who may not use a volume.
 *
 * @param context - request.
 * @param volid - volume id; its storage must exist.
 * @param forVmid - guest that the volume is for; its own volumes need no further right.
 * @throws SimError 403 with the missing right, or 500 `missing privileges to access VOLID`.
 */
export function needVolumeAccess(context: HandlerContext, volid: string, forVmid?: number): void {
  const needs = accessNeeds(context, volid, forVmid) ?? die(`missing privileges to access ${volid}`);
  for (const [path, privileges, any] of needs) context.need(path, privileges, { any: any ?? false });
}
