/** Rows of the command tree: templates and tasks. Static text only; each command is imported when it runs. */
import type { CommandModule } from '../invocation.ts';
import { fileRow, integer, type OptionRow, type Options, permissionRows } from '../options.ts';
import { targetNode } from './common.ts';
import type { CommandGroup } from './row.ts';

const task = (): Promise<CommandModule> => import('../commands/task.ts');
const targetStorage: OptionRow = { flags: '--storage <storage>', text: 'storage' };
const fileNameRow: OptionRow = { flags: '--filename <name>', text: 'name of the archive on the storage' };
const templateLock = (): Promise<CommandModule> => import('../commands/template-lock.ts');
/** `template download --url URL` without a name: that is the archive's URL; the cluster's is in environment or profile. */
function archiveUrl(flags: Partial<Options>, args: readonly string[]): Partial<Options> {
  const { url, ...rest } = flags;
  return url === undefined || args.length > 0 || flags.oci !== undefined
    ? flags
    : { ...rest, archiveUrl: url };
}

/** Templates and tasks, as the help shows them. */
export const templatesGroup: CommandGroup = [
  'Templates and tasks:',
  [
    { name: 'template', text: 'templates on storages and in the catalogue' },
    {
      name: 'template list',
      alias: 'ls',
      text: 'templates on the storages, or in the catalogue',
      options: [{ flags: '--available', text: 'the catalogue' }, targetNode, targetStorage],
      load: () => import('../commands/template-list.ts'),
    },
    {
      name: 'template download',
      operands: '[template]',
      text: 'download from the catalogue, from a URL (--url) or a registry (--oci)',
      options: [
        {
          flags: '--oci <image:tag>',
          text: 'image of a registry, for example docker.io/library/alpine:3.22',
        },
        { flags: '--checksum <algorithm:hex>', text: 'with --url: what the server verifies, sha512:…' },
        fileNameRow,
        targetNode,
        targetStorage,
      ],
      adjust: archiveUrl,
      load: () => import('../commands/template-download.ts'),
    },
    {
      name: 'template upload',
      operands: '<file>',
      text: 'upload an archive of this machine, with checksum',
      options: [fileNameRow, targetNode, targetStorage],
      load: () => import('../commands/template-upload.ts'),
    },
    {
      name: 'template lock',
      text: "pin the fleet's templates in templates.lock; changes no cluster",
      options: [fileRow],
      load: templateLock,
    },
    {
      name: 'template upgrade',
      operands: '[names...]',
      text: 'show newer templates than those pinned; with --yes pin them',
      options: [
        fileRow,
        { flags: '--detailed-exitcode', text: 'exit 7 when there are newer ones', shared: true },
      ],
      load: templateLock,
    },
    {
      name: 'template delete',
      alias: 'rm',
      operands: '<volume>',
      text: 'delete storage:vztmpl/file',
      options: [targetNode, ...permissionRows],
      load: () => import('../commands/template-delete.ts'),
    },
    { name: 'task', text: 'tasks of the cluster' },
    {
      name: 'task list',
      alias: 'ls',
      operands: '[name]',
      text: 'recent tasks, of one container or all',
      options: [
        { flags: '--node <node>', text: 'of this node' },
        { flags: '--running', text: 'only running ones' },
        { flags: '--errors', text: 'only failed ones' },
        { flags: '--limit <n>', text: 'how many (default 50)', parse: integer(1, 10_000) },
      ],
      load: task,
    },
    {
      name: 'task log',
      operands: '<upid>',
      text: 'log of a task',
      options: [{ flags: '--follow', text: 'until it ends' }],
      load: task,
    },
    {
      name: 'task wait',
      operands: '<upid>',
      text: 'wait for the end of a task; exit 5 when it failed',
      options: [{ flags: '--timeout <seconds>', text: 'give up after', parse: integer(1, 604_800) }],
      load: task,
    },
    {
      name: 'task stop',
      operands: '<upid>',
      text: 'stop a running task',
      load: task,
    },
  ],
];
