/** Snapshots as a table. */
import type { SnapshotsDocument } from '../engine/snapshots.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { counted } from './values.ts';

const columns: readonly Column[] = [
  { title: 'VMID', align: 'right' },
  { title: 'NAME' },
  { title: 'SNAPSHOT' },
  { title: 'TAKEN' },
  { title: 'AFTER' },
  { title: 'DESCRIPTION' },
];

/**
 * Renders the snapshots of containers, oldest first; the one that a container follows from is marked.
 *
 * @param document - what there is.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderSnapshots(document: SnapshotsDocument, style: Style): string {
  const rows = document.containers.flatMap(({ vmid, name, snapshots }) =>
    snapshots.map((snapshot) => [
      String(vmid),
      name,
      style.bold(snapshot.name) + (snapshot.isCurrent ? style.dim(' (current)') : ''),
      snapshot.takenAt?.replace('T', ' ').replace(/\.\d+Z$/, '') ?? '',
      snapshot.parent ?? '',
      snapshot.description.split('\n')[0] ?? '',
    ]),
  );
  const count = counted(rows.length, 'snapshot');
  const of = counted(document.containers.length, 'container');
  return rows.length === 0
    ? `No snapshots of ${of}.\n`
    : `${renderTable(columns, rows, style)}\n${count} of ${of}.\n`;
}
