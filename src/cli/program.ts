/**
 * The command tree: static text only. Every action imports its command when it runs, so that `--help` loads commander,
 * this file, options.ts, run-program.ts and bin.ts and nothing else.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { CommandDescription, CommandModule, Invocation } from './invocation.ts';
import {
  canaryRow,
  connectionRows,
  decimal,
  environmentValues,
  failFastRow,
  fileRow,
  globalRows,
  integer,
  limitRows,
  list,
  manifestRow,
  type OptionRow,
  type Options,
  permissionRows,
  repeated,
  resetRows,
  scopeRows,
  secretRow,
  selectionRows,
  snapshotBeforeRow,
  snapshotFirstRow,
  toOption,
  waveRows,
} from './options.ts';

/** One command of the tree. */
interface CommandRow {
  /** Words of the command: `plan`, `template list`. */
  readonly name: string;
  readonly alias?: string;
  /** Operands in commander's notation. */
  readonly operands?: string;
  readonly text: string;
  readonly options?: readonly OptionRow[];
  /** Takes words after `--` that are not operands. */
  readonly rest?: true;
  /** Has Markdown and JUnit beside the formats that every command has. */
  readonly reports?: true;
  /** Has CSV beside the formats that every command has. */
  readonly csv?: true;
  /** Gives a flag another meaning in this command. */
  readonly adjust?: (flags: Partial<Options>, args: readonly string[]) => Partial<Options>;
  readonly load?: () => Promise<CommandModule>;
}

const power = (): Promise<CommandModule> => import('./commands/power.ts');
const freeze = (): Promise<CommandModule> => import('./commands/freeze.ts');
const task = (): Promise<CommandModule> => import('./commands/task.ts');
const timeoutRow: OptionRow = {
  flags: '--timeout <seconds>',
  text: 'how long to wait for a clean shutdown',
  parse: integer(0, 86_400),
};
const snapshot = (): Promise<CommandModule> => import('./commands/snapshot.ts');
const snapshotRow: OptionRow = { flags: '--snapshot <name>', text: 'its name' };
const planRows: readonly OptionRow[] = [...permissionRows, ...scopeRows];
const targetNode: OptionRow = { flags: '--node <node>', text: 'node' };
const targetStorage: OptionRow = { flags: '--storage <storage>', text: 'storage' };
const credentialsRow: OptionRow = {
  flags: '--credentials <path>',
  text: 'write generated passwords there: a folder, or a file that ends with .csv',
  shared: true,
};
const groupRow: OptionRow = { flags: '--group <groups>', text: 'only of these groups', parse: list };
const accounts = (): Promise<CommandModule> => import('./commands/accounts.ts');
const fileNameRow: OptionRow = { flags: '--filename <name>', text: 'name of the archive on the storage' };
/** What everything that works inside a container takes. */
const insideRows: readonly OptionRow[] = [
  { flags: '--wait', text: 'wait while somebody else uses the console' },
  {
    ...(permissionRows[0] as OptionRow),
    text: 'restart: where the console is no root shell, make it one for the time of the work',
  },
];
const userRow: OptionRow = { flags: '--user <user>', text: 'as this user (default root)' };
const templateLock = (): Promise<CommandModule> => import('./commands/template-lock.ts');

/** `template download --url URL` without a name: that is the archive's URL; the cluster's is in environment or profile. */
function archiveUrl(flags: Partial<Options>, args: readonly string[]): Partial<Options> {
  const { url, ...rest } = flags;
  return url === undefined || args.length > 0 || flags.oci !== undefined
    ? flags
    : { ...rest, archiveUrl: url };
}

const groups: readonly (readonly [heading: string, commands: readonly CommandRow[]])[] = [
  [
    'Start here:',
    [
      {
        name: 'init',
        text: 'ask for a connection and write it, then a first fleet file',
        options: [{ ...fileRow, text: 'fleet file to write (default fleet.yaml)' }],
        load: () => import('./commands/init.ts'),
      },
      {
        name: 'doctor',
        text: 'check connection, version, rights, storages and bridges',
        options: [{ ...fileRow, text: 'also check what this fleet needs' }],
        load: () => import('./commands/doctor.ts'),
      },
    ],
  ],
  [
    'Fleets:',
    [
      {
        name: 'validate',
        text: 'check a fleet file, offline',
        options: [fileRow],
        load: () => import('./commands/validate.ts'),
      },
      {
        name: 'plan',
        text: 'show what apply would do; changes nothing',
        options: [
          fileRow,
          { flags: '--save <file>', text: 'write the plan, for apply --plan' },
          { flags: '--detailed-exitcode', text: 'exit 7 when there are changes', shared: true },
          ...planRows,
          snapshotFirstRow,
        ],
        reports: true,
        load: () => import('./commands/plan.ts'),
      },
      {
        name: 'apply',
        text: 'plan, confirm, carry out, verify',
        options: [
          fileRow,
          { flags: '--plan <file>', text: 'carry out a saved plan' },
          {
            flags: '--skip-stale',
            text: 'with --plan: go on without containers that changed since (exit 6)',
          },
          credentialsRow,
          ...planRows,
          snapshotFirstRow,
          failFastRow,
        ],
        reports: true,
        load: () => import('./commands/apply.ts'),
      },
      {
        name: 'verify',
        text: 'compare the cluster with the file; exit 7 on drift',
        options: [fileRow, ...scopeRows],
        reports: true,
        load: () => import('./commands/verify.ts'),
      },
      {
        name: 'reset',
        operands: '[names...]',
        text: 'set containers back to their baseline; with -f the file is applied on top',
        options: [
          fileRow,
          ...selectionRows,
          ...resetRows,
          ...waveRows,
          {
            flags: '--detailed-exitcode',
            text: 'with --dry-run: exit 7 when there are changes',
            shared: true,
          },
          ...planRows,
          failFastRow,
        ],
        load: () => import('./commands/reset.ts'),
      },
      {
        name: 'tick',
        text: 'do what schedules, boosts and expiries have for now; for cron, silent when that is nothing',
        options: [
          { ...fileRow, text: 'fleet file with schedules; without it only boosts end' },
          { flags: '--at <time>', text: 'as if it were then, for example 2026-11-23T08:00' },
          { flags: '--dry-run', text: 'show what would be done' },
          {
            flags: '--detailed-exitcode',
            text: 'with --dry-run: exit 7 when something is due',
            shared: true,
          },
          ...waveRows,
          failFastRow,
        ],
        load: () => import('./commands/tick.ts'),
      },
      {
        name: 'destroy',
        text: 'remove what the fleet owns',
        options: [fileRow, ...planRows, failFastRow],
        load: () => import('./commands/destroy.ts'),
      },
    ],
  ],
  [
    'Containers:',
    [
      {
        name: 'list',
        alias: 'ls',
        operands: '[names...]',
        text: 'containers with state, limits, usage and owner',
        options: [
          ...selectionRows,
          { flags: '--columns <names>', text: 'only these, comma separated: vmid,name,address', parse: list },
        ],
        csv: true,
        load: () => import('./commands/list.ts'),
      },
      {
        name: 'show',
        operands: '<name>',
        text: 'one container in full',
        load: () => import('./commands/show.ts'),
      },
      {
        name: 'import',
        operands: '[names...]',
        text: 'print a fleet file that describes existing containers',
        options: [
          ...selectionRows.filter(({ flags }) => !flags.startsWith('--fleet')),
          { flags: '--fleet <fleet>', text: 'name of the fleet in the file' },
        ],
        load: () => import('./commands/import.ts'),
      },
      {
        name: 'create',
        operands: '[name]',
        text: 'create a container; asks for what is not given',
        options: [
          { flags: '--name, --hostname <name>', text: 'host name' },
          {
            flags: '--vmid <id>',
            text: 'container id; default: the next free one',
            parse: integer(100, 999_999_999),
          },
          targetNode,
          { flags: '--template <template>', text: 'debian-13, a file name or storage:vztmpl/file' },
          { flags: '--storage <storage>', text: 'storage of the root disk' },
          { flags: '--rootfs <size>', text: 'size of the root disk' },
          ...limitRows,
          { flags: '--bridge <bridge>', text: 'bridge of eth0' },
          { flags: '--ip <address>', text: 'dhcp, or an address with prefix length' },
          { flags: '--gateway <address>', text: 'default gateway' },
          { flags: '--pool <pool>', text: 'pool to put it into' },
          { flags: '--tag <tags>', text: 'tags, comma separated', parse: list },
          { flags: '--password-env <variable>', text: "environment variable with root's password" },
          { flags: '--ssh-key-file <file>', text: "public keys for root's first access" },
          { flags: '--nesting', text: 'allow containers inside' },
          { flags: '--privileged', text: 'not in a user namespace' },
          { flags: '--no-start', text: 'leave it stopped' },
          { flags: '--fleet <fleet>', text: 'fleet that owns it' },
        ],
        load: () => import('./commands/create.ts'),
      },
      {
        name: 'clone',
        operands: '<name> <newname>',
        text: 'copy a container',
        options: [
          { flags: '--full', text: 'a full copy; default: linked where source and storage allow it' },
          { flags: '--snapshot <name>', text: 'as it was at this snapshot' },
          {
            flags: '--vmid <id>',
            text: 'container id; default: the next free one',
            parse: integer(100, 999_999_999),
          },
          { flags: '--node <node>', text: 'node of the copy' },
          { flags: '--storage <storage>', text: 'storage of its disks; makes it a full copy' },
          { flags: '--pool <pool>', text: 'pool to put it into' },
          { flags: '--start', text: 'start it' },
          failFastRow,
        ],
        load: () => import('./commands/clone.ts'),
      },
      {
        name: 'resize',
        operands: '[names...]',
        text: 'change limits and root disk, without restart where possible; for good or for a time',
        options: [
          ...limitRows,
          { flags: '--rootfs <size>', text: 'new size of the root disk; it only grows' },
          { flags: '--for <time>', text: 'only so long, for example 3h; tick takes it back' },
          { flags: '--until <time>', text: 'only until then, for example 16:00 or 2026-11-23T16:00' },
          { flags: '--end-boost', text: 'take back what was given for a time' },
          ...selectionRows,
          snapshotBeforeRow,
          canaryRow,
          ...waveRows,
          failFastRow,
        ],
        load: () => import('./commands/resize.ts'),
      },
      {
        name: 'start',
        operands: '[names...]',
        text: 'start containers',
        options: [...selectionRows, ...waveRows, failFastRow],
        load: power,
      },
      {
        name: 'stop',
        operands: '[names...]',
        text: 'stop containers at once, without shutting down',
        options: [
          ...selectionRows,
          { flags: '--force', text: 'even while they shut down' },
          ...waveRows,
          failFastRow,
        ],
        load: power,
      },
      {
        name: 'shutdown',
        operands: '[names...]',
        text: 'shut containers down cleanly',
        options: [
          ...selectionRows,
          timeoutRow,
          { flags: '--force', text: 'stop them when the time is over' },
          ...waveRows,
          failFastRow,
        ],
        load: power,
      },
      {
        name: 'restart',
        operands: '[names...]',
        text: 'shut containers down and start them again',
        options: [...selectionRows, timeoutRow, snapshotBeforeRow, ...waveRows, failFastRow],
        load: power,
      },
      {
        name: 'freeze',
        operands: '[names...]',
        text: 'protect containers and leave them as they are until unfreeze; a manifest tells what was frozen',
        options: [
          { ...fileRow, text: 'of this fleet' },
          ...selectionRows,
          { flags: '--stop', text: 'shut them down' },
          { flags: '--snapshot <name>', text: 'take a snapshot of this name' },
          manifestRow,
          ...waveRows,
          failFastRow,
        ],
        reports: true,
        load: freeze,
      },
      {
        name: 'unfreeze',
        operands: '[names...]',
        text: 'make frozen containers as they were before',
        options: [{ ...fileRow, text: 'of this fleet' }, ...selectionRows, ...waveRows, failFastRow],
        load: freeze,
      },
      {
        name: 'delete',
        alias: 'rm',
        operands: '[names...]',
        text: 'remove containers with their disks',
        options: [
          ...selectionRows,
          { flags: '--force', text: 'also running ones' },
          { flags: '--purge', text: 'also from backup jobs, replication and HA' },
          ...permissionRows,
          failFastRow,
        ],
        load: power,
      },
    ],
  ],
  [
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
        load: () => import('./commands/attach.ts'),
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
        load: () => import('./commands/exec.ts'),
      },
      {
        name: 'cp',
        operands: '<paths...>',
        text: 'copy files and folders: cp SOURCE… NAME:/PATH, cp NAME:/PATH… TARGET',
        options: insideRows,
        load: () => import('./commands/cp.ts'),
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
        load: () => import('./commands/password.ts'),
      },
    ],
  ],
  [
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
  ],
  [
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
  ],
  [
    'Templates and tasks:',
    [
      { name: 'template', text: 'templates on storages and in the catalogue' },
      {
        name: 'template list',
        alias: 'ls',
        text: 'templates on the storages, or in the catalogue',
        options: [{ flags: '--available', text: 'the catalogue' }, targetNode, targetStorage],
        load: () => import('./commands/template-list.ts'),
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
        load: () => import('./commands/template-download.ts'),
      },
      {
        name: 'template upload',
        operands: '<file>',
        text: 'upload an archive of this machine, with checksum',
        options: [fileNameRow, targetNode, targetStorage],
        load: () => import('./commands/template-upload.ts'),
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
        load: () => import('./commands/template-delete.ts'),
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
  ],
  [
    'Tools:',
    [
      {
        name: 'api',
        operands: '<method> <path> [parameters...]',
        text: 'any call of the API: api GET /nodes, api PUT /nodes/pve1/lxc/101/config memory=2048',
        options: [secretRow, { flags: '--wait', text: 'wait for the task that the call starts' }],
        load: () => import('./commands/api.ts'),
      },
      {
        name: 'api explain',
        operands: '<path>',
        text: 'parameters, limits and permissions of a path; offline',
        load: () => import('./commands/api-explain.ts'),
      },
      { name: 'sim', text: 'the simulated cluster' },
      {
        name: 'sim serve',
        text: 'serve it over HTTPS until interrupted',
        options: [
          { flags: '--port <port>', text: 'port; 0 takes a free one (default 0)', parse: integer(0, 65_535) },
          { flags: '--host <address>', text: 'address to listen on (default 127.0.0.1)' },
          { flags: '--seed <seed>', text: 'small, cluster, reference or a file (default cluster)' },
          { flags: '--latency <ms>', text: 'delay of every answer', parse: integer(0, 60_000) },
          { flags: '--state <file>', text: 'load the state from there, and keep it there' },
          { flags: '--faults <file>', text: 'what goes wrong, and when; see the README' },
          { flags: '--journal <file>', text: 'write each request there, one JSON per line' },
          { flags: '--speed <n>', text: 'how many times faster its clock runs', parse: decimal(0.001) },
          { flags: '--http', text: 'plain HTTP; loopback only' },
          {
            flags: '--console-shell',
            text: 'consoles run a real shell of this machine, as you; loopback only',
          },
        ],
        load: () => import('./commands/sim-serve.ts'),
      },
      {
        name: 'sim export',
        text: 'write the state of a live cluster as a seed for sim serve; reads only, no secrets',
        options: [{ flags: '--output-file <file>', text: 'where to write it (default stdout)' }],
        load: () => import('./commands/sim-export.ts'),
      },
      {
        name: 'schema',
        operands: '[name]',
        text: 'print a JSON Schema: fleet, plan, output',
        load: () => import('./commands/schema.ts'),
      },
      {
        name: 'completion',
        operands: '<shell>',
        text: 'print the completion script of bash, zsh or fish',
        load: () => import('./commands/completion.ts'),
      },
    ],
  ],
];

/** What the program needs from outside. */
export interface ProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
  /** Runs a command and remembers its exit code. */
  readonly execute: (load: () => Promise<CommandModule>, invocation: Invocation) => Promise<void>;
}

const help = `
Shared flags can also be set in the environment: --fail-fast is PVEFLEET_FAIL_FAST=1, --allow is PVEFLEET_ALLOW.
Connection: PVEFLEET_URL, PVEFLEET_TOKEN_ID, PVEFLEET_TOKEN_SECRET (or PVEFLEET_USERNAME, PVEFLEET_PASSWORD,
PVEFLEET_OTP), PVEFLEET_CA_FILE or PVEFLEET_FINGERPRINT, PVEFLEET_PROFILE, PVEFLEET_CONFIG; else a profile, see init.

Exit codes: 0 done · 1 unexpected · 2 usage · 3 fleet file wrong · 4 cannot talk to Proxmox VE · 5 apply or task failed
            6 refused · 7 changes or drift present · 130 interrupted

Try it without a cluster: pvefleet sim serve`;

/** What stands behind the first `--`; commander counts those words among the operands. */
function wordsAfterDashes(program: Command): readonly string[] | undefined {
  // not in commander's types, but documented as what was parsed
  const { rawArgs } = program as unknown as { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf('--');
  return at < 0 ? undefined : rawArgs.slice(at + 1);
}

function addRow(program: Command, row: CommandRow, heading: string, options: ProgramOptions): void {
  const words = row.name.split(' ');
  const parent = words.slice(0, -1).reduce((command, word) => {
    return command.commands.find((child) => child.name() === word) ?? command;
  }, program);
  const command = parent.command(words.at(-1) as string).description(row.text);
  if (parent === program) command.helpGroup(heading);
  if (row.alias !== undefined) command.alias(row.alias);
  if (row.operands !== undefined) command.arguments(row.operands);
  for (const option of row.options ?? []) command.addOption(toOption(option));
  const { load } = row;
  if (!load) return;
  command.action(async () => {
    applyEnvironment(command, [...globalRows, ...(row.options ?? [])], options.env);
    // commander keeps values untyped; the rows above and Options in options.ts list the same flags.
    const given = command.optsWithGlobals<Partial<Options>>();
    const flags = row.adjust?.(given, command.args) ?? given;
    if ((flags.output === 'markdown' || flags.output === 'junit') && !row.reports)
      command.error(`the output ${flags.output} is for plan, apply, verify and freeze, not for ${row.name}`);
    if (flags.output === 'csv' && !row.csv) command.error(`the output csv is for list, not for ${row.name}`);
    const rest = row.rest ? wordsAfterDashes(program) : undefined;
    await options.execute(load, {
      command: row.name,
      args: rest === undefined ? command.args : command.args.slice(0, command.args.length - rest.length),
      ...(rest === undefined ? {} : { rest }),
      options: { ...flags, output: flags.output ?? 'human' },
      describe: () => describe(program),
    });
  });
}

/** The command of the tree, from here upwards, that has the flag. */
function ownerOf(command: Command, attribute: string): Command {
  const own = command.options.some((option) => option.attributeName() === attribute);
  return own || !command.parent ? command : ownerOf(command.parent, attribute);
}

function applyEnvironment(command: Command, rows: readonly OptionRow[], env: ProgramOptions['env']): void {
  try {
    for (const { attribute, value } of environmentValues(rows, env)) {
      const owner = ownerOf(command, attribute);
      const source = owner.getOptionValueSource(attribute);
      if (source === undefined || source === 'default')
        owner.setOptionValueWithSource(attribute, value, 'env');
    }
  } catch (error) {
    if (error instanceof InvalidArgumentError) command.error(error.message);
    throw error;
  }
}

function describe(command: Command): CommandDescription {
  const info = command.createHelp();
  return {
    names: [command.name(), ...command.aliases()],
    text: command.description(),
    flags: [
      ...info.visibleOptions(command),
      ...(command.parent ? [] : info.visibleGlobalOptions(command)),
    ].map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      text: option.description,
      takesValue: option.required || option.optional,
      takesFile: /<(file|path|folder)>/.test(option.flags),
    })),
    operands: command.registeredArguments.map((argument) => argument.name()),
    commands: command.commands.map(describe),
  };
}

/**
 * Builds the command tree.
 *
 * @param options - environment, output and the function that runs a command.
 * @returns commander's program; `parseAsync` throws {@link CommanderError} for help, version and wrong usage.
 */
export function createProgram(options: ProgramOptions): Command {
  const program = new Command('pvefleet')
    .description('Fleets of LXC containers on Proxmox VE, described in a file, through the REST API alone.')
    .exitOverride()
    .configureOutput({ writeOut: options.writeOut, writeErr: options.writeErr, outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .helpCommand(false)
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
      options.writeOut(`${(JSON.parse(file) as { version: string }).version}\n`);
      throw new CommanderError(0, 'commander.version', 'version');
    })
    .addHelpText('after', help);
  for (const row of globalRows) program.addOption(toOption(row));
  for (const row of connectionRows) program.addOption(toOption(row, 'Connection:'));
  for (const [heading, rows] of groups) for (const row of rows) addRow(program, row, heading, options);
  return program;
}
