/**
 * Flags that several commands share, their environment variables, and the parsers of flag values.
 * Static text and commander only: `--help` loads this file, so it must not import anything else.
 */
import { InvalidArgumentError, Option } from 'commander';

/** A permission for something that a plan refuses by default. */
type Permission = 'destroy' | 'recreate' | 'restart';
const permissions: readonly string[] = ['destroy', 'recreate', 'restart'];

/** All flags by the name under which commander keeps them; a flag means the same in every command that has it. */
export interface Options {
  // every command
  /** `markdown` and `junit` only for commands that report on a fleet, `csv` only for lists. */
  readonly output: 'human' | 'json' | 'ndjson' | 'markdown' | 'junit' | 'csv';
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly input?: boolean;
  readonly yes?: boolean;
  readonly parallel?: number;
  readonly eventsFile?: string;
  // connection
  readonly config?: string;
  readonly profile?: string;
  readonly url?: string;
  readonly tokenId?: string;
  readonly tokenSecret?: string;
  readonly username?: string;
  readonly password?: string;
  readonly caFile?: string;
  readonly fingerprint?: string;
  // plans
  readonly file?: string;
  readonly plan?: string;
  readonly skipStale?: boolean;
  readonly save?: string;
  readonly detailedExitcode?: boolean;
  readonly allow?: readonly Permission[];
  readonly maxDestroy?: number;
  readonly target?: readonly string[];
  readonly exclude?: readonly string[];
  readonly snapshotFirst?: boolean;
  // resets
  readonly all?: boolean;
  readonly strategy?: 'auto' | 'rollback' | 'reclone' | 'rebuild';
  readonly dryRun?: boolean;
  readonly failFast?: boolean;
  // selections
  readonly tag?: readonly string[];
  readonly node?: string;
  readonly pool?: string;
  readonly fleet?: string;
  readonly group?: readonly string[];
  // waves
  readonly wave?: number;
  readonly pause?: string;
  readonly canary?: number;
  // boosts
  readonly for?: string;
  readonly until?: string;
  readonly endBoost?: boolean;
  // list
  readonly columns?: readonly string[];
  // tick
  readonly at?: string;
  // freeze
  readonly stop?: boolean;
  readonly manifest?: readonly string[];
  // create and resize
  readonly hostname?: string;
  readonly vmid?: number;
  readonly template?: string;
  readonly storage?: string;
  readonly memory?: string;
  readonly swap?: string;
  readonly cores?: number;
  readonly cpuLimit?: number;
  readonly cpuUnits?: number;
  readonly rootfs?: string;
  readonly bridge?: string;
  readonly ip?: string;
  readonly gateway?: string;
  readonly passwordEnv?: string;
  readonly sshKeyFile?: string;
  readonly start?: boolean;
  readonly nesting?: boolean;
  readonly privileged?: boolean;
  // snapshots and clones
  readonly snapshot?: string;
  readonly description?: string;
  readonly full?: boolean;
  // single steps, tasks
  readonly timeout?: number;
  readonly force?: boolean;
  readonly purge?: boolean;
  readonly available?: boolean;
  readonly checksum?: string;
  readonly filename?: string;
  readonly oci?: string;
  /** `template download --url`: the archive's, not the cluster's. */
  readonly archiveUrl?: string;
  readonly running?: boolean;
  readonly errors?: boolean;
  readonly limit?: number;
  readonly follow?: boolean;
  // attach
  readonly escape?: string;
  readonly reconnect?: boolean;
  // api
  readonly secret?: readonly string[];
  readonly wait?: boolean;
  // inside containers
  readonly stdin?: boolean;
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly resume?: string;
  readonly passwordFile?: string;
  readonly generate?: string;
  readonly sshKey?: readonly string[];
  // sim serve
  readonly port?: number;
  readonly host?: string;
  readonly seed?: string;
  readonly latency?: number;
  readonly state?: string;
  readonly http?: boolean;
  readonly speed?: number;
  readonly faults?: string;
  readonly journal?: string;
  readonly consoleShell?: boolean;
  // sim export
  readonly outputFile?: string;
}

/**
 * Makes a parser of whole numbers.
 *
 * @param minimum - smallest value allowed.
 * @param maximum - largest value allowed.
 * @returns a parser for commander; throws InvalidArgumentError.
 */
export function integer(
  minimum: number,
  maximum: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    const range = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new InvalidArgumentError(`It takes a whole number ${range}.`);
  };
}

/**
 * Makes a parser of decimal numbers.
 *
 * @param minimum - smallest value allowed.
 * @returns a parser for commander; throws InvalidArgumentError.
 */
export function decimal(minimum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum) return value;
    throw new InvalidArgumentError(`It takes a number from ${minimum}.`);
  };
}

/** Parser of a flag that may be repeated and takes comma-separated values. */
export function list(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...text.split(',').filter((item) => item !== '')];
}

/** Parser of a flag that may be repeated, each time with one value. */
export function repeated(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

function allowed(text: string, previous: readonly string[] = []): readonly string[] {
  const values = list(text, previous);
  const unknown = values.find((value) => !permissions.includes(value));
  if (unknown === undefined) return values;
  throw new InvalidArgumentError(`'${unknown}' is none of ${permissions.join(', ')}.`);
}

function choice(...values: readonly string[]): (text: string) => string {
  return (text) => {
    if (values.includes(text)) return text;
    throw new InvalidArgumentError(`It takes one of ${values.join(', ')}.`);
  };
}

/** One flag. */
export interface OptionRow {
  readonly flags: string;
  readonly text: string;
  readonly parse?: (text: string, previous?: readonly string[]) => unknown;
  /** Also settable as `PVEFLEET_` + the flag's name in capitals. */
  readonly shared?: true;
}

/** Flags of every command. */
export const globalRows: readonly OptionRow[] = [
  {
    flags: '-o, --output <format>',
    text: 'human, json (one document) or ndjson (events); plan, apply, verify, freeze: also markdown, junit; list: csv',
    parse: choice('human', 'json', 'ndjson', 'markdown', 'junit', 'csv'),
    shared: true,
  },
  { flags: '-y, --yes', text: 'answer ordinary confirmations with yes', shared: true },
  { flags: '--no-input', text: 'never ask anything', shared: true },
  { flags: '--no-color', text: 'no colours (also NO_COLOR)', shared: true },
  { flags: '-q, --quiet', text: 'no progress, results and errors only', shared: true },
  { flags: '-v, --verbose', text: 'show every request', shared: true },
  { flags: '--parallel <n>', text: 'actions at once, over all nodes', parse: integer(1, 64), shared: true },
  { flags: '--events-file <file>', text: 'also write all events there, one JSON per line', shared: true },
];

/** How to reach the cluster; environment and profile are read by cli/connection.ts. */
export const connectionRows: readonly OptionRow[] = [
  { flags: '--url <url>', text: 'https://host:8006, several comma separated' },
  { flags: '--token-id <id>', text: 'API token, user@realm!name' },
  { flags: '--token-secret <ref>', text: 'where its secret is: env:NAME, file:PATH or command:CMD' },
  { flags: '--username <user>', text: 'user@realm, for a login with password' },
  { flags: '--password <ref>', text: 'where the password is: env:NAME, file:PATH or command:CMD' },
  { flags: '--ca-file <file>', text: 'trust certificates signed by this CA' },
  { flags: '--fingerprint <sha256>', text: 'trust the certificate with this fingerprint' },
  { flags: '--profile <name>', text: 'connection profile' },
  { flags: '--config <file>', text: 'file with the connection profiles' },
];

export const fileRow: OptionRow = { flags: '-f, --file <file>', text: 'fleet file; - reads it from stdin' };

/** What of a plan may happen. */
export const permissionRows: readonly OptionRow[] = [
  { flags: '--allow <list>', text: 'destroy, recreate, restart', parse: allowed, shared: true },
  {
    flags: '--max-destroy <n>',
    text: 'refuse plans with more destructions',
    parse: integer(0),
    shared: true,
  },
];

/** What of a fleet is meant. */
export const scopeRows: readonly OptionRow[] = [
  { flags: '--target <globs>', text: 'only these containers of the fleet', parse: list, shared: true },
  { flags: '--exclude <globs>', text: 'all but these', parse: list, shared: true },
];

export const snapshotFirstRow: OptionRow = {
  flags: '--snapshot-first',
  text: 'take a snapshot before changes of disks and those that need a restart',
  shared: true,
};

/** The same flag, for single steps. */
export const snapshotBeforeRow: OptionRow = {
  ...snapshotFirstRow,
  text: 'take a snapshot first',
};

export const failFastRow: OptionRow = {
  flags: '--fail-fast',
  text: 'start nothing more after the first failure',
  shared: true,
};

/** Which containers of the cluster are meant. */
export const selectionRows: readonly OptionRow[] = [
  { flags: '--tag <tag>', text: 'with this tag; repeatable', parse: repeated },
  { flags: '--node <node>', text: 'on this node' },
  { flags: '--pool <pool>', text: 'in this pool' },
  { flags: '--fleet <fleet>', text: 'owned by this fleet' },
  { flags: '--group <group>', text: 'of students of this group; repeatable', parse: repeated },
];

/** How far back, and how. */
export const resetRows: readonly OptionRow[] = [
  { flags: '--all', text: 'all containers of the fleet' },
  {
    flags: '--strategy <strategy>',
    text: 'auto, rollback, reclone or rebuild, instead of what the file says',
    parse: choice('auto', 'rollback', 'reclone', 'rebuild'),
  },
  { flags: '--snapshot <name>', text: 'snapshot to go back to (default baseline)' },
  { flags: '--dry-run', text: 'show the plan; changes nothing' },
];

/** How many containers at once. */
export const waveRows: readonly OptionRow[] = [
  {
    flags: '--wave <n>',
    text: 'so many containers at once; the next ones when these are done',
    parse: integer(1),
  },
  { flags: '--pause <time>', text: 'wait between two waves, for example 30s' },
];

/** Where `freeze` writes what it has frozen. */
export const manifestRow: OptionRow = {
  flags: '--manifest <file>',
  text: 'write there what was frozen, as JSON or, for *.md, Markdown; repeatable',
  parse: repeated,
};

export const canaryRow: OptionRow = {
  flags: '--canary <n>',
  text: 'so many containers first; the rest only when these went well',
  parse: integer(1),
};

export const limitRows: readonly OptionRow[] = [
  { flags: '--memory <size>', text: 'for example 2GiB' },
  { flags: '--swap <size>', text: 'for example 512MiB' },
  { flags: '--cores <n>', text: 'cores the container sees', parse: integer(1, 8192) },
  {
    flags: '--cpu-limit <n>',
    text: "CPUs' worth of time, for example 1.5; 0 is unlimited",
    parse: decimal(0),
  },
  { flags: '--cpu-units <n>', text: 'weight against other guests', parse: integer(0, 500_000) },
];

export const secretRow: OptionRow = {
  flags: '--secret <key=ref>',
  text: 'parameter whose value is a secret: key=env:NAME, key=file:PATH; repeatable',
  parse: repeated,
};

/** The flag's name without dashes: `--no-input` gives `no-input`. */
function longName(row: OptionRow): string {
  return /--([a-z-]+)/.exec(row.flags)?.[1] ?? '';
}

/**
 * Builds commander's option from a row.
 *
 * @param row - the flag.
 * @param group - heading in the help.
 * @returns the option.
 */
export function toOption(row: OptionRow, group?: string): Option {
  const option = new Option(row.flags, row.text);
  if (row.parse) option.argParser(row.parse as (text: string, previous: unknown) => unknown);
  if (group !== undefined) option.helpGroup(group);
  return option;
}

/** A value that an environment variable gives to a shared flag. */
export interface EnvironmentValue {
  readonly attribute: string;
  readonly value: unknown;
}

const truth: Readonly<Record<string, boolean>> = {
  '1': true,
  true: true,
  yes: true,
  on: true,
  '': false,
  '0': false,
  false: false,
  no: false,
  off: false,
};

/**
 * Reads the shared flags that environment variables set, such as `PVEFLEET_MAX_DESTROY=3` or `PVEFLEET_YES=1`.
 *
 * @param rows - the flags to look for.
 * @param env - environment variables.
 * @returns values by commander's attribute name.
 * @throws InvalidArgumentError when a value does not fit; the message names the variable.
 */
export function environmentValues(
  rows: readonly OptionRow[],
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentValue[] {
  return rows.flatMap((row) => {
    const variable = `PVEFLEET_${longName(row).toUpperCase().replaceAll('-', '_')}`;
    const text = env[variable];
    if (!row.shared || text === undefined) return [];
    const option = toOption(row);
    const attribute = option.attributeName();
    if (option.isBoolean() || option.negate) {
      const on = Object.hasOwn(truth, text.toLowerCase()) ? truth[text.toLowerCase()] : undefined;
      if (on === undefined) throw new InvalidArgumentError(`${variable}: '${text}' is neither 1 nor 0`);
      return on ? [{ attribute, value: !option.negate }] : [];
    }
    if (text === '') return [];
    try {
      return [{ attribute, value: row.parse ? row.parse(text) : text }];
    } catch (error) {
      throw new InvalidArgumentError(`${variable}='${text}': ${(error as Error).message}`);
    }
  });
}
