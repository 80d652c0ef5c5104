/** Rows of the command tree: accounts of students. Static text only; each command is imported when it runs. */
import type { CommandModule } from '../invocation.ts';
import { failFastRow, fileRow, list, type OptionRow, permissionRows } from '../options.ts';
import { credentialsRow } from './common.ts';
import type { CommandGroup } from './row.ts';

const groupRow: OptionRow = { flags: '--group <groups>', text: 'only of these groups', parse: list };
const accounts = (): Promise<CommandModule> => import('../commands/accounts.ts');

/** Students, as the help shows them. */
export const studentsGroup: CommandGroup = [
  'Students:',
  [
    { name: 'accounts', text: 'accounts of students' },
    {
      name: 'accounts list',
      alias: 'ls',
      operands: '[logins...]',
      text: 'who has one, and how it stands',
      options: [fileRow, groupRow],
      load: accounts,
    },
    {
      name: 'accounts rotate',
      operands: '[logins...]',
      text: 'set new passwords; not with an API token',
      options: [fileRow, groupRow, credentialsRow, failFastRow],
      load: accounts,
    },
    {
      name: 'accounts remove',
      alias: 'rm',
      operands: '[logins...]',
      text: 'remove users, pools and rights; containers stay',
      options: [fileRow, groupRow, credentialsRow, ...permissionRows, failFastRow],
      load: accounts,
    },
  ],
];
