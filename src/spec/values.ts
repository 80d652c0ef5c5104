/** Checks of single values for the schema: what kind of value a key takes and in which format. Knows no zod. */
import type { Problem } from './findings.ts';
import { checkSize, type TextCheck } from './formats.ts';
import { isNumbered } from './numbering.ts';
import { checkReference, secretReference } from './secrets.ts';

/** A problem below a value; `expected` alone stands for a wrong kind of value. */
export interface ValueProblem extends Partial<Problem> {
  readonly expected?: string;
  readonly path?: readonly (string | number)[];
}

export type ValueCheck = (value: unknown) => readonly ValueProblem[];

const one = (problem: ValueProblem | undefined): readonly ValueProblem[] => (problem ? [problem] : []);

/**
 * A text in a format.
 *
 * @param check - its format; none: any text but the empty one.
 * @param numbered - whether `{n}` may stand in it; the format is then checked once the number is known.
 * @returns the check.
 */
export function textValue(check?: TextCheck, numbered = false): ValueCheck {
  return (value) => {
    if (typeof value !== 'string') return [{ expected: 'text' }];
    if (value.trim() === '') return [{ code: 'SPEC_VALUE', message: 'the text is empty' }];
    // What stands in braces is judged by expand.ts, which knows whether the entry is counted.
    return numbered && isNumbered(value) ? [] : one(check?.(value));
  };
}

/** How expressions look; for hints. */
export const numberingHint = 'write {n}, {nn} or {100+n}; {{ and }} stand for braces';

/**
 * Lists of texts.
 *
 * @param check - format of each.
 * @param single - whether one text, or several with blanks or commas between them, may stand for the list.
 * @returns the check.
 */
export function textList(check: TextCheck, single: boolean): ValueCheck {
  const item = textValue(check);
  return (value) => {
    if (single && typeof value === 'string')
      return splitTexts(value).length === 0
        ? [{ code: 'SPEC_VALUE', message: 'the text is empty' }]
        : splitTexts(value).flatMap((text) => item(text));
    if (!Array.isArray(value)) return [{ expected: single ? 'text or a list of texts' : 'a list of texts' }];
    return value.flatMap((text: unknown, index) =>
      item(text).map((problem) => ({ ...problem, path: [index] })),
    );
  };
}

/**
 * Splits a text that stands for a list.
 *
 * @returns the parts between blanks and commas.
 */
export function splitTexts(text: string): string[] {
  return text.split(/[\s,;]+/).filter((part) => part !== '');
}

/**
 * Sizes with a unit.
 *
 * @param leastMiB - smallest size in MiB.
 * @param disk - whether it is a disk, not memory.
 * @returns the check.
 */
export function sizeValue(leastMiB: number, disk = false): ValueCheck {
  const check = checkSize(leastMiB, disk);
  return (value) => {
    if (typeof value === 'number') return one(check(String(value)));
    return typeof value === 'string' ? one(check(value)) : [{ expected: 'a size such as 512MiB' }];
  };
}

/**
 * Whole numbers that may be written as an expression of `n`.
 *
 * @param least - smallest value.
 * @param most - largest value.
 * @param code - code of a value out of range.
 * @param word - a text that is fine, too.
 * @returns the check.
 */
export function numberedInteger(least: number, most: number, code: string, word?: string): ValueCheck {
  return (value) => {
    if (typeof value === 'string' && value === word) return [];
    if (typeof value === 'string' && isNumbered(value)) return [];
    if (typeof value !== 'number' || !Number.isInteger(value))
      return [{ expected: word === undefined ? 'a whole number' : `a whole number or ${word}` }];
    return one(integerProblem(value, least, most, code));
  };
}

/**
 * Checks a number against its bounds.
 *
 * @returns the problem, or `undefined`.
 */
export function integerProblem(
  value: number,
  least: number,
  most: number,
  code: string,
): Problem | undefined {
  if (value < least) return { code, message: `${value} is too small; the least is ${least}` };
  return value > most ? { code, message: `${value} is too large; the most is ${most}` } : undefined;
}

/** `password`: a reference, never the secret itself. */
export const passwordValue: ValueCheck = (value) =>
  typeof value === 'string'
    ? one(checkReference(value, 'password'))
    : one(checkReference('literal', 'password'));

/** Values of `env`: plain text; numbers are refused because YAML rewrites them (1.10 becomes 1.1). */
export const environmentValue: ValueCheck = (value) => {
  if (typeof value !== 'string') return [{ expected: 'text in quotes' }];
  if (secretReference(value) !== undefined)
    return [
      {
        code: 'SPEC_SECRET',
        message: 'references to secrets work in password only',
        hint: 'everybody who may see the container could read it in its configuration',
      },
    ];
  return /[\0-\x08\x0a-\x1f\x7f]/.test(value)
    ? [{ code: 'SPEC_VALUE', message: 'control characters cannot stand in an environment variable' }]
    : [];
};

/** `mode` of a device: octal digits as text, since 0660 is the number 660 in YAML. */
export const modeValue: ValueCheck = (value) =>
  typeof value === 'string' && /^0[0-7]{3}$/.test(value)
    ? []
    : [
        {
          code: 'SPEC_VALUE',
          message: 'the mode must be four octal digits in quotes',
          hint: "write for example '0660'",
        },
      ];

/** A line of an SSH key, or `${env:NAME}` for lines in an environment variable. */
export function sshKeyValue(check: TextCheck): TextCheck {
  return (text) => (secretReference(text)?.startsWith('env:') ? undefined : check(text));
}
