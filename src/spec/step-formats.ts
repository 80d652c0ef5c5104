/** Formats of provisioning steps and readiness checks in a fleet file. No YAML, no zod, no cross-checks here. */
import { parseDuration } from '../util/duration.ts';
import { checkVariable, type TextCheck } from './formats.ts';
import { secretReference } from './secrets.ts';
import { textValue, type ValueCheck, type ValueProblem } from './values.ts';

const matches =
  (pattern: RegExp, what: string, hint?: string): TextCheck =>
  (text) =>
    pattern.test(text) ? undefined : { code: 'SPEC_VALUE', message: `'${text}' is not ${what}`, hint };

/** Longest script; longer ones are better copied as a file. PVE: nothing; the kernel takes 128 KiB per argument. */
const longestScript = 65_536;

/** A script or a command of a shell. */
export const checkScript: TextCheck = (text) => {
  if (text.includes('\0')) return { code: 'SPEC_VALUE', message: 'a script cannot hold the character NUL' };
  return Buffer.byteLength(text) > longestScript
    ? {
        code: 'SPEC_VALUE',
        message: `the script is longer than ${longestScript / 1024}KiB`,
        hint: "put it into a file beside the fleet file, 'copy' it, and 'run' it from there",
      }
    : undefined;
};
export const checkInsidePath: TextCheck = matches(
  /^\/[^\0-\x1f]*[^\0-\x1f/][^\0-\x1f]*$/,
  'an absolute path inside the container',
  'write for example /var/www/html',
);
export const checkOwner: TextCheck = matches(
  /^(?:[A-Za-z_][\w.-]*|\d+)(?::(?:[A-Za-z_][\w.-]*|\d+))?$/,
  'an owner',
  'write for example www-data, or www-data:www-data',
);
export const checkPackage: TextCheck = matches(
  /^[A-Za-z0-9@][\w.+:~=<>@/*^-]*$/,
  'a name of a package',
  'one package per member of the list',
);
export const checkService: TextCheck = matches(/^[A-Za-z0-9_][\w@.:-]*$/, 'a name of a service');

/** `mode` of copied files: octal digits as text, since 0644 is the number 644 in YAML. */
export const fileModeValue: ValueCheck = (value) =>
  typeof value === 'string' && /^[0-7]{4}$/.test(value)
    ? []
    : [
        {
          code: 'SPEC_VALUE',
          message: 'the mode must be four octal digits in quotes',
          hint: "write for example '0644'",
        },
      ];

/**
 * Spans of time of whole seconds.
 *
 * @param mostHours - longest one.
 * @returns the check.
 */
export function durationValue(mostHours: number): ValueCheck {
  return (value) => {
    if (typeof value !== 'string') return [{ expected: 'a span of time such as 2min' }];
    // longer ones are no spans of time, whatever they are
    const span = value.length > 30 ? { error: `'${value}' is no span of time` } : parseDuration(value);
    if ('error' in span) {
      const { suggestion } = { suggestion: undefined, ...span };
      return [
        {
          code: 'SPEC_DURATION',
          message: span.error,
          ...(suggestion === undefined ? {} : { hint: `did you mean ${suggestion}?` }),
        },
      ];
    }
    if (span.ms < 1000) return [{ code: 'SPEC_RANGE', message: `'${value}' is too short; the least is 1s` }];
    return span.ms > mostHours * 3_600_000
      ? [{ code: 'SPEC_RANGE', message: `'${value}' is too long; the most is ${mostHours}h` }]
      : [];
  };
}

/** Variables of a script: texts, or references to secrets. */
export const stepEnvironment: ValueCheck = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ expected: 'a map of variables' }];
  return Object.entries(value).flatMap(([name, text]: [string, unknown]): ValueProblem[] => {
    const bad = /^\d/.test(name)
      ? { code: 'SPEC_NAME', message: `'${name}' is not a valid name of a variable` }
      : checkVariable(name);
    const problems: readonly ValueProblem[] = bad ? [bad] : text === '' ? [] : variable(text);
    return problems.map((problem) => ({ ...problem, path: [name] }));
  });
};

const variable = textValue((text) => {
  if (text.includes('\0')) return { code: 'SPEC_VALUE', message: 'a variable cannot hold the character NUL' };
  return /^\$\{(?:env|file|command):/.test(text) && secretReference(text) === undefined
    ? {
        code: 'SPEC_SECRET',
        message: 'this is no valid reference to a secret',
        hint: `write \${env:NAME}, \${file:PATH} or \${command:PROGRAM ARG …}`,
      }
    : undefined;
});
