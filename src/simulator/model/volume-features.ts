/** What storage types can do with container volumes. Pure table. */
import type { StorageType } from './state.ts';

/** Which state of a volume an operation starts from. */
export type VolumeState = 'current' | 'base' | 'snap';
export type VolumeFeature = 'snapshot' | 'clone' | 'copy' | 'template';

/**
 * What storage types can do with container volumes (pve-storage `volume_has_feature`). File storages: raw files only;
 * their subvolumes can do nothing but become templates. `clone` is the linked clone.
 */
const features: Readonly<
  Record<StorageType, Readonly<Partial<Record<VolumeFeature, readonly VolumeState[]>>>>
> = {
  dir: { copy: ['current', 'base'], template: ['current'] },
  nfs: { copy: ['current', 'base'], template: ['current'] },
  cifs: { copy: ['current', 'base'], template: ['current'] },
  lvm: { copy: ['current', 'base'] },
  lvmthin: {
    snapshot: ['current'],
    clone: ['base', 'snap'],
    copy: ['current', 'base', 'snap'],
    template: ['current'],
  },
  zfspool: {
    snapshot: ['current', 'snap'],
    clone: ['base'],
    copy: ['current', 'base'],
    template: ['current'],
  },
  rbd: {
    snapshot: ['current', 'snap'],
    clone: ['base', 'snap'],
    copy: ['current', 'base', 'snap'],
    template: ['current'],
  },
  btrfs: {
    snapshot: ['current', 'snap'],
    clone: ['current', 'base', 'snap'],
    copy: ['current', 'base', 'snap'],
    template: ['current'],
  },
  pbs: {},
};

/**
 * What a storage type can do with container volumes.
 *
 * @param type - type of the storage.
 * @returns states of a volume by operation; a missing operation is impossible.
 */
export function storageFeatures(
  type: StorageType,
): Readonly<Partial<Record<VolumeFeature, readonly VolumeState[]>>> {
  return features[type];
}
