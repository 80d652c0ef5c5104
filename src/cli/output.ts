/**
 * Results on stdout, everything else on stderr. With `json` stdout gets exactly one document, also for errors; with
 * `ndjson` one line per event and the document as the last line.
 */
import { renderError } from '../render/errors.ts';
import { renderErrorJunit } from '../render/junit.ts';
import { createStyle, type Style } from '../render/style.ts';
import { displayWidth, flow } from '../render/wrap.ts';
import { type ErrorDocument, InternalError, isPvefleetError, messageOf } from '../util/errors.ts';
import { redactText, redactValue } from '../util/redact.ts';
import type { Host, HostWriter } from './host.ts';
import type { Options } from './options.ts';

/** A result in the formats that only some commands have. */
interface Reports {
  readonly markdown: () => string;
  readonly junit: () => string;
}

/** Writes what a command has to say. */
export interface Output {
  /** `human` also while the result is Markdown or JUnit: messages and progress are for people then. */
  readonly format: 'human' | 'json' | 'ndjson';
  readonly quiet: boolean;
  /** Dress of results. */
  readonly style: Style;
  /** Dress of messages. */
  readonly errorStyle: Style;
  /**
   * Writes the result of the command, once.
   *
   * @param document - what programs get; has a `format` key.
   * @param human - what people get; ends with a newline, or is empty.
   * @param reports - the same as Markdown and JUnit; commands without them are not let in with those formats.
   */
  result<T extends { readonly format: string }>(
    document: T,
    human: (style: Style) => string,
    reports?: Reports,
  ): void;
  /** Writes text for people beside the result, to stderr; not with `--quiet`. */
  say(text: string): void;
  /** Writes a question's preliminaries to stderr, also with `--quiet`. */
  tell(text: string): void;
  /** Writes a line of a result that comes bit by bit, to stdout; only for people. */
  line(text: string): void;
  /** Writes one line of the event stream to stdout. */
  event(line: string): void;
  /** Reports an error: as the document where none was written yet, else on stderr. */
  error(error: unknown): void;
  /** Set by the runtime: runs a write with live progress out of the way. */
  pause: (write: () => void) => void;
}

/**
 * Gives the JSON form of anything thrown.
 *
 * @param error - anything caught.
 * @returns the document `pvefleet.error/1`, free of secrets.
 */
function errorDocument(error: unknown): ErrorDocument {
  const document: ErrorDocument = isPvefleetError(error)
    ? error.toJSON()
    : { format: 'pvefleet.error/1', code: 'UNEXPECTED', message: messageOf(error) };
  const { message, hint } = document;
  return redactValue({
    ...document,
    message: redactText(message),
    ...(hint === undefined ? {} : { hint: redactText(hint) }),
  });
}

function styleOf(stream: HostWriter, options: Options, env: Host['env']): Style {
  const wanted = options.color !== false && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const terminal = stream.isTTY === true;
  return createStyle({
    color: wanted && (terminal || Boolean(env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0')),
    // Files and pipes are read by UTF-8 tools; a terminal only shows what its locale says.
    unicode: terminal ? /utf-?8/i.test(locale) && env['TERM'] !== 'linux' : true,
    // A terminal that does not know its size says 0.
    width: terminal ? stream.columns || 80 : 120,
    isTerminal: terminal,
  });
}

/** On a terminal, breaks sentences that are too long at spaces. What is indented is laid out already, or to be copied. */
function sentences(text: string, style: Style): string {
  if (!style.isTerminal) return text;
  return text
    .split('\n')
    .map((line) =>
      line.startsWith(' ') || displayWidth(line) <= style.width
        ? line
        : flow('', line, style, { keepWords: true }),
    )
    .join('\n');
}

/**
 * Builds the output of a run.
 *
 * @param host - streams and environment.
 * @param options - format, colours, quiet, verbose.
 * @param command - its words, for reports.
 * @returns the output.
 */
export function createOutput(
  host: Pick<Host, 'stdout' | 'stderr' | 'env'>,
  options: Options,
  command = 'pvefleet',
): Output {
  const report = options.output === 'markdown' || options.output === 'junit' ? options.output : undefined;
  const format = options.output === 'json' || options.output === 'ndjson' ? options.output : 'human';
  let written = false;
  const output: Output = {
    format,
    quiet: options.quiet === true,
    style: styleOf(host.stdout, options, host.env),
    errorStyle: styleOf(host.stderr, options, host.env),
    result: (document, human, reports) => {
      if (written) throw new InternalError('a second result was written');
      written = true;
      const text =
        format === 'human'
          ? redactText(report && reports ? reports[report]() : human(output.style))
          : `${JSON.stringify(redactValue(document), null, format === 'json' ? 2 : 0)}\n`;
      output.pause(() => host.stdout.write(text));
    },
    say: (text) => {
      if (!output.quiet) output.tell(text);
    },
    tell: (text) => {
      const shown = sentences(redactText(text.endsWith('\n') ? text : `${text}\n`), output.errorStyle);
      output.pause(() => host.stderr.write(shown));
    },
    line: (text) => {
      output.pause(() => host.stdout.write(`${redactText(text)}\n`));
    },
    event: (line) => {
      host.stdout.write(line);
    },
    error: (error) => {
      if (report === 'junit' && !written) {
        const document = errorDocument(error);
        output.result(document, () => renderErrorJunit(command, document));
      }
      if (format === 'human' || written) {
        const text = renderError(error, output.errorStyle, { verbose: options.verbose === true });
        output.pause(() => host.stderr.write(text));
      } else {
        output.result(errorDocument(error), () => '');
      }
    },
    pause: (write) => write(),
  };
  return output;
}
