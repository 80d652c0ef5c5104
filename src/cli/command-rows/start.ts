/** Rows of the command tree: the first steps. Static text only; each command is imported when it runs. */
import { fileRow } from '../options.ts';
import type { CommandGroup } from './row.ts';

/** Start here, as the help shows them. */
export const startGroup: CommandGroup = [
  'Start here:',
  [
    {
      name: 'init',
      text: 'ask for a connection and write it, then a first fleet file',
      options: [{ ...fileRow, text: 'fleet file to write (default fleet.yaml)' }],
      load: () => import('../commands/init.ts'),
    },
    {
      name: 'doctor',
      text: 'check connection, version, rights, storages and bridges',
      options: [{ ...fileRow, text: 'also check what this fleet needs' }],
      load: () => import('../commands/doctor.ts'),
    },
  ],
];
