/**
 * Shapes of JSON that people wrote or that was saved: each checks a value and tells what is wrong where. For seed files,
 * states and fault schedules; parameters of requests are the business of schema.ts.
 */
import { UsageError } from '../../util/errors.ts';
import { suggest } from '../../util/suggest.ts';

/** What is wrong, and where: `faults[2].ms`; empty for the whole. */
export interface Finding {
  readonly path: string;
  readonly message: string;
}

/** Checks a value and adds what it finds. */
export type Shape = (value: unknown, path: string, found: Finding[]) => void;

const longestShown = 40;

/** A value as a message quotes it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

/** Place of a member below a path. */
function below(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/**
 * A shape from a test.
 *
 * @param what - what the value must be, after "must be".
 * @param accepts - the test.
 */
export function scalar(what: string, accepts: (value: unknown) => boolean): Shape {
  return (value, path, found) => {
    if (!accepts(value)) found.push({ path, message: `must be ${what}, not ${shown(value)}` });
  };
}

export const text: Shape = scalar('text', (value) => typeof value === 'string');
export const name: Shape = scalar('a name', (value) => typeof value === 'string' && value !== '');
export const flag: Shape = scalar('true or false', (value) => typeof value === 'boolean');
export const finite: Shape = scalar('a number', (value) => Number.isFinite(value));
export const anything: Shape = () => undefined;

/** A whole number from `minimum` to `maximum`. */
export function whole(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): Shape {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
  return scalar(
    `a whole number ${range}`,
    (value) => Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum,
  );
}

/** One of some words; another one gets a suggestion. */
export function oneOf(words: readonly string[], what = `one of ${words.join(', ')}`): Shape {
  return (value, path, found) => {
    if (typeof value === 'string' && words.includes(value)) return;
    const near = typeof value === 'string' ? suggest(value, words) : undefined;
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    found.push({ path, message: `must be ${what}, not ${shown(value)}${hint}` });
  };
}

/** Null, or of the given shape. */
export function orNull(shape: Shape): Shape {
  return (value, path, found) => {
    if (value !== null) shape(value, path, found);
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list of values of one shape. */
export function listOf(shape: Shape): Shape {
  return (value, path, found) => {
    if (!Array.isArray(value)) found.push({ path, message: `must be a list, not ${shown(value)}` });
    else for (const [index, item] of value.entries()) shape(item, `${path}[${index}]`, found);
  };
}

/** An object whose members all have one shape; `key` may check their names. */
export function recordOf(shape: Shape, key?: Shape): Shape {
  return (value, path, found) => {
    if (!isObject(value)) {
      found.push({ path, message: `must be an object, not ${shown(value)}` });
      return;
    }
    for (const [member, item] of Object.entries(value)) {
      key?.(member, below(path, member), found);
      shape(item, below(path, member), found);
    }
  };
}

/**
 * An object with named members.
 *
 * @param members - shapes by name; a name that ends with `?` may be absent.
 * @param options.open - further members are nobody's business; else they are findings, with a suggestion.
 */
export function objectOf(
  members: Readonly<Record<string, Shape>>,
  options: { readonly open?: boolean } = {},
): Shape {
  const rows = Object.entries(members).map(([key, shape]) => ({
    key: key.replace(/\?$/, ''),
    optional: key.endsWith('?'),
    shape,
  }));
  const names = rows.map(({ key }) => key);
  return (value, path, found) => {
    if (!isObject(value)) {
      found.push({ path, message: `must be an object, not ${shown(value)}` });
      return;
    }
    for (const { key, optional, shape } of rows) {
      if (Object.hasOwn(value, key)) shape(value[key], below(path, key), found);
      else if (!optional) found.push({ path: below(path, key), message: 'is missing' });
    }
    if (options.open) return;
    for (const key of Object.keys(value).filter((known) => !names.includes(known))) {
      const near = suggest(key, names);
      const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
      found.push({ path: below(path, key), message: `there is no such key; ${hint}` });
    }
  };
}

const mostShown = 8;

/**
 * Refuses what a check found.
 *
 * @param source - file name or other origin, and what it should have been: `faults.json is no fault schedule`.
 * @param found - findings; none: nothing happens.
 * @throws {@link UsageError} that names the first of them.
 */
export function refuseFindings(source: string, found: readonly Finding[], hint?: string): void {
  if (found.length === 0) return;
  const lines = found
    .slice(0, mostShown)
    .map(({ path, message }) => (path ? `${path}: ${message}` : message));
  const more = found.length > mostShown ? [`… and ${found.length - mostShown} more`] : [];
  const body = lines.length === 1 ? ` ${lines[0]}` : `\n  ${[...lines, ...more].join('\n  ')}`;
  throw new UsageError(`${source}:${body}`, { hint, details: { findings: found.slice(0, 50) } });
}
