/** Choosing containers when a command was given no names. */
import type { GuestSummary } from '../domain/actual.ts';
import type { Prompts } from './io.ts';

/**
 * Asks which containers are meant.
 *
 * @param prompts - the terminal.
 * @param message - the question.
 * @param guests - guests to choose from; virtual machines are left out.
 * @returns the ids of those chosen, at least one.
 */
export function askContainers(
  prompts: Prompts,
  message: string,
  guests: readonly GuestSummary[],
): Promise<readonly number[]> {
  const choices = guests
    .filter((guest) => guest.type === 'lxc')
    .toSorted((a, b) => a.vmid - b.vmid)
    .map((guest) => ({
      value: guest.vmid,
      name: `${guest.vmid}  ${guest.name ?? '(no name yet)'}`,
      description: `${guest.status} on ${guest.node}`,
      ...(guest.lock === undefined ? {} : { disabled: `(locked: ${guest.lock})` }),
    }));
  return prompts.checkbox({ message, choices });
}
