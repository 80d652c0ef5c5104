/**
 * The only way in which anything is asked. Questions go to the terminal's stderr, so that stdout keeps results only.
 * Without a terminal a question is an error that says how to answer it beforehand.
 */
import { PvefleetError, UsageError } from '../util/errors.ts';

/** The person pressed Ctrl-C in a question. */
class PromptCancelledError extends PvefleetError {
  override readonly code = 'CANCELLED';
  override readonly exitCode = 130;

  constructor() {
    super('interrupted; nothing was changed');
  }
}

/** One answer to choose from. */
export interface Choice<T> {
  readonly value: T;
  readonly name: string;
  /** Shown below the list while it is selected. */
  readonly description?: string;
  /** Why it cannot be chosen. */
  readonly disabled?: string;
}

/** Where questions are asked. */
export interface PromptIo {
  /** Whether anything may be asked at all. */
  readonly interactive: boolean;
  readonly input?: NodeJS.ReadableStream;
  readonly output?: NodeJS.WritableStream;
  readonly signal?: AbortSignal;
}

/** Checks an answer: true, or what is wrong with it. */
export type Validate = (text: string) => true | string;

/** The kinds of question. */
export interface Prompts {
  readonly interactive: boolean;
  text(question: { message: string; default?: string; validate?: Validate }): Promise<string>;
  /** Not echoed. */
  secret(question: { message: string }): Promise<string>;
  confirm(question: { message: string; default: boolean }): Promise<boolean>;
  select<T>(question: { message: string; choices: readonly Choice<T>[]; default?: T }): Promise<T>;
  /** Select with a filter to type, for long lists. */
  search<T>(question: { message: string; choices: readonly Choice<T>[] }): Promise<T>;
  /** Any number of the choices. */
  checkbox<T>(question: { message: string; choices: readonly Choice<T>[] }): Promise<readonly T[]>;
}

const cancellations = new Set(['ExitPromptError', 'AbortPromptError', 'CancelPromptError']);

/**
 * Ranks choices by what was typed: every word must occur; names that begin with it come first.
 *
 * @param choices - all choices.
 * @param term - what was typed.
 * @returns those that match.
 */
export function filterChoices<T>(choices: readonly Choice<T>[], term: string): Choice<T>[] {
  const words = term.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = choices.filter((choice) => {
    const text = `${choice.name} ${choice.description ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const starts = (choice: Choice<T>): number =>
    choice.name.toLowerCase().startsWith(words[0] ?? '') ? 0 : 1;
  return matching.sort((a, b) => starts(a) - starts(b));
}

/**
 * Builds the questions.
 *
 * @param io - terminal and signal.
 * @returns functions that ask; each throws {@link PromptCancelledError} on Ctrl-C and a UsageError (code NO_TERMINAL)
 *   when nothing may be asked.
 */
export function createPrompts(io: PromptIo): Prompts {
  const context = {
    ...(io.input ? { input: io.input } : {}),
    output: io.output ?? process.stderr,
    ...(io.signal ? { signal: io.signal } : {}),
  };
  type Inquirer = typeof import('@inquirer/prompts');
  const ask = async <T>(message: string, run: (inquirer: Inquirer) => Promise<T>): Promise<T> => {
    if (!io.interactive) {
      throw new UsageError(`there is no terminal to ask: ${message}`, {
        code: 'NO_TERMINAL',
        hint: 'give the answer with a flag; see --help of the command',
      });
    }
    try {
      return await run(await import('@inquirer/prompts'));
    } catch (error) {
      if (error instanceof Error && cancellations.has(error.name)) throw new PromptCancelledError();
      throw error;
    }
  };
  return {
    interactive: io.interactive,
    text: (question) =>
      ask(question.message, async ({ input }) =>
        (
          await input(
            {
              message: question.message,
              ...(question.default === undefined ? {} : { default: question.default }),
              validate: (text) => (question.validate ? question.validate(text.trim()) : true),
            },
            context,
          )
        ).trim(),
      ),
    secret: (question) =>
      ask(question.message, ({ password }) =>
        password(
          { message: question.message, mask: '*', validate: (text) => text !== '' || 'It is empty.' },
          context,
        ),
      ),
    confirm: (question) => ask(question.message, ({ confirm }) => confirm(question, context)),
    select: <T>(question: { message: string; choices: readonly Choice<T>[]; default?: T }) =>
      ask(question.message, ({ select }) =>
        select<T>(
          {
            message: question.message,
            choices: [...question.choices],
            pageSize: 12,
            ...(question.default === undefined ? {} : { default: question.default }),
          },
          context,
        ),
      ),
    search: <T>(question: { message: string; choices: readonly Choice<T>[] }) =>
      ask(question.message, ({ search }) =>
        search<T>(
          {
            message: question.message,
            pageSize: 12,
            source: (term) => filterChoices(question.choices, term ?? ''),
          },
          context,
        ),
      ),
    checkbox: <T>(question: { message: string; choices: readonly Choice<T>[] }) =>
      ask(question.message, ({ checkbox }) =>
        checkbox<T>(
          { message: question.message, choices: [...question.choices], pageSize: 15, required: true },
          context,
        ),
      ),
  };
}
