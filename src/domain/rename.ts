/**
 * A key that was renamed in the file. With `renamedFrom` its container is taken over; without it a container would be
 * destroyed and an equal one created, and somebody should say so before that happens.
 */
import { naturalCompare } from '../util/compare.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActualContainer } from './actual.ts';
import { adopt } from './adopt.ts';
import type { ContainerKey, DesiredContainer } from './desired.ts';
import { diff } from './diff.ts';
import { withoutChosen } from './lab/choose.ts';
import { type TagStyle, withClusterTags } from './ownership.ts';

/** More pairs than this are not compared; nobody renames so many by hand. */
const mostPairs = 1_000;

const info = (code: string, message: string, hint: string): Diagnostic => ({
  severity: 'info',
  code,
  message,
  hint,
});

/**
 * What is to be said about `renamedFrom`.
 *
 * @param desired - a container of the file.
 * @param actual - the container that it stands for, if there is one.
 * @returns a notice, or none when the file does not say it.
 */
export function renameNotices(desired: DesiredContainer, actual: ActualContainer | undefined): Diagnostic[] {
  const { key, renamedFrom } = desired;
  if (renamedFrom === undefined) return [];
  if (!actual)
    return [
      {
        ...info(
          'RENAME_NOTHING',
          `${key}: there is no container ${renamedFrom} to take over, so it is a new one`,
          `remove renamedFrom, or write the key that it had`,
        ),
        severity: 'warning',
      },
    ];
  return [
    actual.ownership?.key === renamedFrom
      ? info(
          'RENAMED',
          `${key}: container ${actual.vmid} was ${renamedFrom} and keeps everything but its name`,
          `remove renamedFrom: ${renamedFrom} after the apply`,
        )
      : info('RENAME_DONE', `${key}: it has its new name already`, `remove renamedFrom: ${renamedFrom}`),
  ];
}

/** Whether a container is as another key of the file wants it, but for its name. */
function isAlike(desired: DesiredContainer, actual: ActualContainer, style: TagStyle): boolean {
  if (desired.node !== actual.node || actual.isTemplate) return false;
  if (desired.pool !== undefined && desired.pool !== (actual.pool ?? null)) return false;
  if (desired.power !== 'unmanaged' && desired.power !== actual.status) return false;
  const { config, conflicts } = adopt(withClusterTags(withoutChosen(desired), style), actual);
  const context = { live: actual.live, isStopped: actual.status === 'stopped' };
  return (
    conflicts.length === 0 &&
    diff(actual.next, config, context).every(({ change }) => change.field === 'hostname')
  );
}

/**
 * Finds keys that look renamed: a container to be created whose settings are those of exactly one that is to be destroyed,
 * and the other way round.
 *
 * @param created - containers of the file that are not there.
 * @param destroyed - owned containers that the file does not have.
 * @param style - the datacenter's tag style.
 * @returns a notice for each key that looks renamed.
 */
export function renameHints(
  created: readonly DesiredContainer[],
  destroyed: readonly ActualContainer[],
  style: TagStyle,
): ReadonlyMap<ContainerKey, Diagnostic> {
  const hints = new Map<ContainerKey, Diagnostic>();
  if (created.length * destroyed.length > mostPairs) return hints;
  const pairs = created
    .filter(({ vmid }) => vmid === 'auto')
    .flatMap((desired) =>
      destroyed
        .filter((actual) => isAlike(desired, actual, style))
        .map((actual) => ({ desired, actual, key: actual.ownership?.key ?? '' })),
    )
    .sort((a, b) => naturalCompare(a.desired.key, b.desired.key));
  for (const { desired, actual, key } of pairs) {
    const rivals = pairs.filter((one) => one.desired === desired || one.actual === actual);
    if (rivals.length > 1) continue;
    hints.set(
      desired.key,
      info(
        'MAYBE_RENAMED',
        `${desired.key} is to be created just as ${key} (${actual.vmid}), which is to be destroyed`,
        `if it was renamed, write renamedFrom: ${key} to keep the container`,
      ),
    );
  }
  return hints;
}
