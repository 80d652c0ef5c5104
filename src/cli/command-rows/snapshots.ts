/** Rows of the command tree: snapshots. Static text only; each command is imported when it runs. */
import type { CommandModule } from '../invocation.ts';
import { failFastRow, type OptionRow, permissionRows, selectionRows, waveRows } from '../options.ts';
import type { CommandGroup } from './row.ts';

const snapshot = (): Promise<CommandModule> => import('../commands/snapshot.ts');
const snapshotRow: OptionRow = { flags: '--snapshot <name>', text: 'its name' };

/** Snapshots, as the help shows them. */
export const snapshotsGroup: CommandGroup = [
  'Snapshots:',
  [
    { name: 'snapshot', text: 'snapshots of containers' },
    {
      name: 'snapshot list',
      alias: 'ls',
      operands: '[names...]',
      text: 'snapshots, oldest first',
      options: selectionRows,
      load: snapshot,
    },
    {
      name: 'snapshot create',
      operands: '[names...]',
      text: 'take a snapshot',
      options: [
        ...selectionRows,
        { flags: '--snapshot <name>', text: 'its name (default snap-DATE-TIME)' },
        { flags: '--description <text>', text: 'remark' },
        ...waveRows,
        failFastRow,
      ],
      load: snapshot,
    },
    {
      name: 'snapshot rollback',
      operands: '[names...]',
      text: 'go back to a snapshot: stops the container, and starts it again when it ran',
      options: [...selectionRows, snapshotRow, ...permissionRows, ...waveRows, failFastRow],
      load: snapshot,
    },
    {
      name: 'snapshot delete',
      alias: 'rm',
      operands: '[names...]',
      text: 'delete a snapshot',
      options: [...selectionRows, snapshotRow, ...permissionRows, ...waveRows, failFastRow],
      load: snapshot,
    },
  ],
];
