/** Reads the snapshots of a container. Reads only. */
import { decodeNumber } from '../codec/scalar.ts';
import type { ActualContainer } from '../domain/actual.ts';
import type { SnapshotInfo } from '../domain/plan-snapshot.ts';
import type { EngineContext } from './context.ts';

type Place = Pick<ActualContainer, 'vmid' | 'node'>;

/**
 * Reads the snapshots of a container.
 *
 * @returns snapshots, oldest first; without the entry that stands for the present state.
 * @throws PveError when the container is not on that node.
 */
export async function readSnapshots(context: EngineContext, { node, vmid }: Place): Promise<SnapshotInfo[]> {
  const rows = await context.pve.get(
    '/nodes/{node}/lxc/{vmid}/snapshot',
    { node, vmid },
    { signal: context.signal },
  );
  const current = rows.find(({ name }) => name === 'current')?.parent;
  return rows
    .filter(({ name }) => name !== 'current')
    .map((row) => {
      const takenAt = decodeNumber(row.snaptime);
      return {
        name: row.name,
        description: row.description.trimEnd(),
        isCurrent: row.name === current,
        ...(takenAt === undefined ? {} : { takenAt }),
        ...(row.parent === undefined ? {} : { parent: row.parent }),
      };
    })
    .sort((a, b) => (a.takenAt ?? 0) - (b.takenAt ?? 0));
}
