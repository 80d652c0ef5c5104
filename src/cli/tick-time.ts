/** The time that a tick is for. */
import type { DesiredFleet } from '../domain/desired.ts';
import { UsageError } from '../util/errors.ts';
import { ownZone, parseWhen } from '../util/zone.ts';

/**
 * Reads `--at`.
 *
 * @param at - as the user wrote it; undefined: the present.
 * @param now - ms since the epoch.
 * @param fleet - whose schedules say in which zone a time is that does not say; without any it is that of this machine.
 * @returns ms since the epoch.
 * @throws UsageError for what is no time, or may be several.
 */
export function tickTime(at: string | undefined, now: number, fleet?: DesiredFleet): number {
  if (at === undefined) return now;
  const named = (fleet?.containers ?? []).flatMap(({ schedule }) => (schedule ? [schedule.zone] : []));
  const zones = [...new Set(named)].sort();
  const times = new Set((zones.length === 0 ? [ownZone()] : zones).map((zone) => parseWhen(at, now, zone)));
  const [time, other] = times;
  if (time === undefined)
    throw new UsageError(`--at: '${at}' is no time`, {
      hint: 'write for example 2026-11-23T08:00, 2026-11-23T08:00+01:00 or 16:00',
    });
  if (other !== undefined)
    throw new UsageError(
      `--at: '${at}' does not say in which zone, and the schedules are in ${zones.join(' and ')}`,
      {
        hint: `write it with an offset, for example ${at.includes('-') ? at : `2026-11-23T${at}`}+01:00`,
      },
    );
  return time;
}
