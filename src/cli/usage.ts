/** What commander throws → an error of ours with exit code 2, or a clean end after help and version. */
import { type ExitCode, UsageError } from '../util/errors.ts';
import { redactText } from '../util/redact.ts';
import { exitCodeOf } from './exit-codes.ts';
import type { Host } from './host.ts';
import type { Options } from './options.ts';
import { createOutput } from './output.ts';

interface CommanderFailure {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
}

function isCommanderFailure(error: unknown): error is CommanderFailure {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('commander.')
  );
}

/** The format that was asked for, found without the parser because it is the parser that failed. */
function formatIn(argv: readonly string[], env: Host['env']): Options['output'] {
  const after = argv.findIndex((arg) => arg === '-o' || arg === '--output');
  const joined = argv.find((arg) => /^(--output=|-o.)/.test(arg))?.replace(/^(--output=|-o=?)/, '');
  const format = (after >= 0 ? argv[after + 1] : undefined) ?? joined ?? env['PVEFLEET_OUTPUT'];
  return format === 'json' || format === 'ndjson' ? format : 'human';
}

/**
 * Turns commander's message into a UsageError. A value that stands behind `=` is cut off: it may be a secret.
 *
 * @param failure - what commander threw.
 * @returns the error with commander's suggestion as its hint.
 */
export function usageError(failure: CommanderFailure): UsageError {
  const [first = '', ...more] = failure.message.replace(/^error: /, '').split('\n');
  const message = redactText(
    failure.code === 'commander.unknownOption' ? first.replace(/=[^']*(?=')/, '') : first,
  );
  const suggestion = /Did you mean (.*)\?/.exec(more.join(' '))?.[1];
  return new UsageError(message, {
    hint: suggestion === undefined ? 'see pvefleet --help' : `did you mean ${suggestion}?`,
  });
}

/**
 * Reports what the parser threw.
 *
 * @param error - anything thrown while parsing.
 * @param argv - arguments without node and script.
 * @param host - the process.
 * @returns the exit code.
 */
export function reportUsage(error: unknown, argv: readonly string[], host: Host): ExitCode {
  const output = createOutput(host, { output: formatIn(argv, host.env) });
  if (!isCommanderFailure(error)) {
    output.error(error);
    return exitCodeOf(error);
  }
  if (error.exitCode === 0) return 0;
  if (error.code !== 'commander.help') output.error(usageError(error));
  else if (output.format !== 'human') output.error(new UsageError('no command was given'));
  return 2;
}
