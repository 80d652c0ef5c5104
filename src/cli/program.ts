/**
 * The command tree, made of the rows in command-rows/, which are static text. Every action imports its command when it runs,
 * so that `--help` loads commander, this file, the rows, options.ts, run-program.ts and bin.ts and nothing else.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { containersGroup } from './command-rows/containers.ts';
import { fleetsGroup } from './command-rows/fleets.ts';
import { insideGroup } from './command-rows/inside.ts';
import type { CommandGroup, CommandRow } from './command-rows/row.ts';
import { snapshotsGroup } from './command-rows/snapshots.ts';
import { startGroup } from './command-rows/start.ts';
import { studentsGroup } from './command-rows/students.ts';
import { templatesGroup } from './command-rows/templates.ts';
import { toolsGroup } from './command-rows/tools.ts';
import type { CommandDescription, CommandModule, Invocation } from './invocation.ts';
import {
  connectionRows,
  environmentValues,
  globalRows,
  type OptionRow,
  type Options,
  toOption,
} from './options.ts';

const groups: readonly CommandGroup[] = [
  startGroup,
  fleetsGroup,
  containersGroup,
  insideGroup,
  studentsGroup,
  snapshotsGroup,
  templatesGroup,
  toolsGroup,
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
