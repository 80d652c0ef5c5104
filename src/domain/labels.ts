/** Names for containers in plans that come from no fleet file. */
import type { ActualContainer } from './actual.ts';

/**
 * Gives each container a name that is unique among them: fleet key, else host name, else vmid.
 *
 * @param containers - containers with unique vmids.
 * @returns name by vmid; where two have the same one, `name@vmid`.
 */
export function labelContainers(containers: readonly ActualContainer[]): Map<number, string> {
  const plain = containers.map(
    ({ vmid, name, ownership }) => [vmid, ownership?.key ?? name ?? String(vmid)] as const,
  );
  const counts = new Map<string, number>();
  for (const [, label] of plain) counts.set(label, (counts.get(label) ?? 0) + 1);
  return new Map(plain.map(([vmid, label]) => [vmid, counts.get(label) === 1 ? label : `${label}@${vmid}`]));
}
