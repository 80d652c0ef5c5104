/** Which volumes a scheduled backup saves, guest by guest (pve-manager API2/Backup.pm, pve-container LXC/Config.pm). */
import type { HandlerContext, HandlerTable } from '../context.ts';
import { mountsOf } from '../model/lxc-config.ts';
import type { Mount } from '../model/property-values.ts';
import { guestOf } from '../model/resources.ts';
import { jobOf, selectedGuests } from './backup.ts';

/** Whether a mount point is saved, and why. */
function verdict(key: string, mount: Mount): { included: 0 | 1; reason: string } {
  if (key === 'rootfs') return { included: 1, reason: 'rootfs' };
  if (mount.kind !== 'volume') return { included: 0, reason: 'not a volume' };
  return mount.options['backup'] === '1'
    ? { included: 1, reason: 'enabled' }
    : { included: 0, reason: 'disabled' };
}

function includedVolumes(context: HandlerContext): unknown {
  const { state } = context;
  const guests = selectedGuests(state, jobOf(context).job).map((id) => {
    const guest = guestOf(state, id);
    if (guest?.type === 'qemu') return { id, type: 'qemu', name: guest.vm.name, children: [] };
    if (!guest) return { id, type: 'unknown' };
    const { config } = guest.container;
    return {
      id,
      type: 'lxc',
      name: config['hostname'] ?? `CT${id}`,
      children: mountsOf(config).map(([key, mount]) => ({
        id: key,
        name: mount.volume,
        ...verdict(key, mount),
      })),
    };
  });
  return { children: guests };
}

export const backupVolumesHandlers: HandlerTable = {
  'GET /cluster/backup/{id}/included_volumes': includedVolumes,
};
