/** Rows of the command tree: what works inside containers. Static text only; each command is imported when it runs. */
import { failFastRow, integer, type OptionRow, permissionRows, repeated, selectionRows } from '../options.ts';
import type { CommandGroup } from './row.ts';

/** What everything that works inside a container takes. */
const insideRows: readonly OptionRow[] = [
  { flags: '--wait', text: 'wait while somebody else uses the console' },
  {
    ...(permissionRows[0] as OptionRow),
    text: 'restart: where the console is no root shell, make it one for the time of the work',
  },
];
const userRow: OptionRow = { flags: '--user <user>', text: 'as this user (default root)' };

/** Inside containers, as the help shows them. */
export const insideGroup: CommandGroup = [
  'Inside containers:',
  [
    {
      name: 'attach',
      operands: '<name>',
      text: "the container's console on this terminal; Ctrl-] leaves it",
      options: [
        {
          flags: '--escape <key>',
          text: 'key that leaves: ctrl-a, ^q, …, or none (default ctrl-])',
          shared: true,
        },
        { flags: '--reconnect', text: 'attach again when the connection is lost', shared: true },
        insideRows[1] as OptionRow,
      ],
      load: () => import('../commands/attach.ts'),
    },
    {
      name: 'exec',
      operands: '[names...]',
      text: 'run a command in containers: exec NAME -- COMMAND ARGUMENTS; its exit code is passed on',
      rest: true,
      options: [
        ...selectionRows,
        { flags: '--stdin', text: 'give it what comes on stdin; without this it reads an end of file' },
        {
          flags: '--timeout <seconds>',
          text: 'end it after this time; exit code 124',
          parse: integer(1, 31_536_000),
        },
        { flags: '--env <name=value>', text: 'variable for it; repeatable', parse: repeated },
        { flags: '--cwd <folder>', text: "folder that it starts in (default the user's home)" },
        userRow,
        { flags: '--resume <run>', text: 'find an earlier run again, by the id that was told' },
        ...insideRows,
        failFastRow,
      ],
      load: () => import('../commands/exec.ts'),
    },
    {
      name: 'cp',
      operands: '<paths...>',
      text: 'copy files and folders: cp SOURCE… NAME:/PATH, cp NAME:/PATH… TARGET',
      options: insideRows,
      load: () => import('../commands/cp.ts'),
    },
    {
      name: 'password',
      operands: '<name>',
      text: "set a user's password in a container, authorise SSH keys",
      options: [
        { ...userRow, text: 'whose (default root)' },
        { flags: '--password-file <file>', text: 'file with the password' },
        { flags: '--stdin', text: 'the password comes on stdin' },
        { flags: '--generate <file>', text: 'make one and write it there, readable only for you' },
        { flags: '--ssh-key <file>', text: 'public keys to authorise; repeatable', parse: repeated },
        ...insideRows,
      ],
      load: () => import('../commands/password.ts'),
    },
  ],
];
