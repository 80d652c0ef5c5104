/** What the file asks of a container at present: schedules start and stop it, and one whose last day is over is left down. */
import type { DesiredContainer } from '../desired.ts';
import { expiryPhase, managesPower } from './schedule.ts';

/** Whether the last day of a container is over. */
export function isExpired({ schedule }: DesiredContainer, now: number | undefined): boolean {
  const phase = expiryPhase(schedule, now);
  return phase === 'expired' || phase === 'removable';
}

/**
 * Leaves to its schedule what that does with a container that exists.
 *
 * @param desired - as the file has it.
 * @param now - ms since the epoch; undefined: nothing has ended.
 * @returns the container; its power is not managed where its schedule sees to it, or its last day is over.
 */
export function asOfNow(desired: DesiredContainer, now: number | undefined): DesiredContainer {
  const { schedule } = desired;
  const isLeft = (schedule && managesPower(schedule)) || isExpired(desired, now);
  return isLeft && desired.power !== 'unmanaged' ? { ...desired, power: 'unmanaged' } : desired;
}
