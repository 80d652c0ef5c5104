/**
 * "Adopt before diff": the config a container should have is its own, with the managed values put over it. So MAC
 * addresses, volume ids and everything that is not managed stay as they are, and a plain comparison finds what to do.
 */
import type { LxcConfig } from '../codec/lxc-config.ts';
import { deepEqual } from '../util/compare.ts';
import type { ActualContainer } from './actual.ts';
import type { DesiredContainer } from './desired.ts';
import { type Conflict, familyNames, proposeFamily, sizeToBe } from './families.ts';
import { type FieldRow, patchConfig } from './field-row.ts';
import { fieldRows } from './fields.ts';
import { withTrueSize } from './spelling.ts';

/** The config a container should have at its next start, and what of the file cannot be had. */
export interface Proposal {
  readonly config: LxcConfig;
  readonly conflicts: readonly Conflict[];
}

/** The two views of a container's config. */
export type ConfigViews = Pick<ActualContainer, 'live' | 'next'>;

function adoptField(row: FieldRow, desired: DesiredContainer, config: LxcConfig, live: LxcConfig): LxcConfig {
  const wanted = row.want(desired);
  if (wanted === undefined || deepEqual(row.read(config), wanted)) return config;
  // going back to what is in force: in its own spelling, so that nothing is left waiting for a restart
  const isOwnMember = row.member !== 'rootfs' && row.member !== 'tags' && row.member !== 'description';
  return patchConfig(
    config,
    isOwnMember && deepEqual(row.read(live), wanted)
      ? { [row.member]: live[row.member] }
      : row.write(desired, config),
  );
}

function adoptRootfs(
  desired: DesiredContainer,
  config: LxcConfig,
  live: LxcConfig,
  report: (conflict: Conflict) => void,
): LxcConfig {
  if (!config.rootfs) return config;
  const { sizeBytes } = desired.rootfs;
  const size = sizeToBe('rootfs.size', withTrueSize(config.rootfs, live.rootfs).size, sizeBytes, report);
  const { volume } = config.rootfs;
  const rootfs = { ...config.rootfs, ...(size === undefined ? {} : { size }) };
  const rows = fieldRows.filter((row) => row.member === 'rootfs');
  const asLive =
    live.rootfs?.volume === volume &&
    live.rootfs.size === size &&
    rows.every((row) => deepEqual(row.read(live), row.read(config)));
  return { ...config, rootfs: asLive && live.rootfs ? live.rootfs : rootfs };
}

/**
 * Puts the managed values of the file over what a container has.
 *
 * @param desired - the container as the file has it; tags in the spelling of the cluster.
 * @param actual - its config in force and of the next start.
 * @returns the proposed config; ownership is not part of it.
 */
export function adopt(desired: DesiredContainer, actual: ConfigViews): Proposal {
  const conflicts: Conflict[] = [];
  const report = (conflict: Conflict): void => {
    conflicts.push(conflict);
  };
  let config = actual.next;
  for (const row of fieldRows) config = adoptField(row, desired, config, actual.live);
  config = adoptRootfs(desired, config, actual.live, report);
  for (const name of familyNames)
    config = patchConfig(config, { [name]: proposeFamily(name, desired, actual, report) });
  return { config, conflicts };
}
