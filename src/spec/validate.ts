/**
 * Holds a tree against the schema and reports every deviation where it stands: unknown keys at the key, values at the
 * value. What is wrong is marked invalid in the tree that is returned, so that later checks can go on with the rest.
 */
import type { z } from 'zod';
import { suggest } from '../util/suggest.ts';
import type { Findings, Problem } from './findings.ts';
import { entryOnlyKeys, keysAt } from './schema.ts';
import { locate, type Path, type Place, replaceAt, type Tree, toPlain } from './tree.ts';
import { unknownKeyHint } from './unknown-keys.ts';
import type { ValueProblem } from './values.ts';

type Issue = z.core.$ZodIssue;

const kinds: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** The value for a message. */
function describe(tree: Tree): string {
  if (tree.kind === 'map') return 'a map';
  if (tree.kind === 'list') return 'a list';
  if (tree.kind === 'invalid') return 'invalid';
  if (tree.value === null) return 'null';
  return typeof tree.value === 'string' ? `the text '${tree.text}'` : tree.text;
}

function kindHint(tree: Tree, expected: string, key: string): string | undefined {
  if (tree.kind === 'scalar' && tree.value === null)
    return tree.text === ''
      ? 'a value is missing'
      : `it cannot be unset; leave '${key}' out to leave it alone`;
  if (tree.kind === 'map') {
    const { source, start, end } = tree.place;
    const text = source.text.slice(start, end);
    return /^\{[^{}:,]*n[^{}:,]*\}$/.test(text) ? `put it in quotes: '${text}'` : undefined;
  }
  if (expected === kinds['boolean'] && tree.kind === 'scalar') {
    if (/^(?:yes|on|1|true)$/i.test(String(tree.value))) return 'did you mean true?';
    if (/^(?:no|off|0|false)$/i.test(String(tree.value))) return 'did you mean false?';
  }
  if (expected.includes('number') && tree.kind === 'scalar' && /^\d+(?:\.\d+)?$/.test(String(tree.value)))
    return Number.isInteger(Number(tree.value))
      ? `did you mean ${Number(tree.value)}, without quotes?`
      : undefined;
  if (expected.startsWith('text') && tree.kind === 'scalar') return `did you mean '${tree.text}', in quotes?`;
  if (expected.startsWith('a list') && tree.kind === 'scalar') return `did you mean [${tree.text}]?`;
  return undefined;
}

/** What a person calls the key: the path below the entry. */
function labelOf(path: Path): string {
  const below = ['containers', 'blueprints'].includes(String(path[0])) ? 2 : 1;
  const rest = ['containers', 'blueprints', 'defaults', 'students'].includes(String(path[0]))
    ? path.slice(below)
    : path;
  const names = rest.length === 0 ? path : rest;
  return names.filter((step) => typeof step === 'string').join('.') || 'the file';
}

function wrongKind(expected: string, tree: Tree, path: Path): Problem {
  if (path.length === 0 && tree.kind === 'scalar' && tree.text === '')
    return { code: 'SPEC_MISSING', message: 'the file is empty', hint: "it begins with 'version: 1'" };
  return {
    code: 'SPEC_TYPE',
    message: `${labelOf(path) === 'the file' ? 'the file' : `'${labelOf(path)}'`} must be ${expected}, not ${describe(tree)}`,
    hint: kindHint(tree, expected, String(path.at(-1) ?? '')),
  };
}

function wrongChoice(values: readonly unknown[], tree: Tree, path: Path): Problem {
  const choices = values.map(String);
  const near = tree.kind === 'scalar' ? suggest(String(tree.value), choices) : undefined;
  if (path.join() === 'version')
    return {
      code: 'SPEC_VERSION',
      message: `version ${describe(tree)} of the format is not known`,
      hint: 'did you mean version: 1?',
    };
  return {
    code: 'SPEC_VALUE',
    message: `'${labelOf(path)}' must be ${choices.slice(0, -1).join(', ')}${choices.length > 1 ? ' or ' : ''}${choices.at(-1)}, not ${describe(tree)}`,
    hint: near === undefined ? kindHint(tree, '', String(path.at(-1) ?? '')) : `did you mean ${near}?`,
  };
}

/** Issues of values, by zod's code. */
function problemOf(issue: Issue, tree: Tree, path: Path): Problem {
  switch (issue.code) {
    case 'invalid_type':
      return wrongKind(kinds[issue.expected] ?? issue.expected, tree, path);
    case 'invalid_value':
      return wrongChoice(issue.values, tree, path);
    case 'too_small':
      return {
        code: 'SPEC_RANGE',
        message: `'${labelOf(path)}' is ${describe(tree)}; the least is ${issue.minimum}`,
      };
    case 'too_big':
      return {
        code: 'SPEC_RANGE',
        message: `'${labelOf(path)}' is ${describe(tree)}; the most is ${issue.maximum}`,
      };
    case 'custom': {
      const { expected, code, hint } = issue.params as ValueProblem;
      return expected === undefined
        ? { code: code as string, message: issue.message, hint }
        : wrongKind(expected, tree, path);
    }
    default:
      return { code: 'SPEC_VALUE', message: `'${labelOf(path)}': ${issue.message}` };
  }
}

/**
 * Validates a tree.
 *
 * @param tree - content of a file.
 * @param schema - fleetSchema or blueprintSchema.
 * @param findings - gets the deviations.
 * @returns the tree with invalid parts marked.
 */
export function validate(tree: Tree, schema: z.ZodType, findings: Findings): Tree {
  const result = schema.safeParse(toPlain(tree));
  if (result.success) return tree;
  let marked = tree;
  const mark = (path: Path): void => {
    marked = replaceAt(marked, path, ({ place }) => ({ kind: 'invalid', place }));
  };
  for (const issue of result.error.issues) {
    const path = issue.path as (string | number)[];
    const found = locate(tree, path);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const place = locate(tree, [...path, key]).key ?? found.tree.place;
        const hint = unknownKeyHint(key, keysAt(schema, path), entryOnlyKeys);
        findings.report(
          { code: 'SPEC_UNKNOWN_KEY', message: `the key '${key}' is not known here`, hint },
          place,
        );
      }
    } else if (!found.complete) {
      const place: Place = found.key ?? { ...found.tree.place, end: found.tree.place.start };
      findings.report(missing(String(path.at(-1))), place);
    } else {
      if (found.tree.kind !== 'invalid')
        findings.report(problemOf(issue, found.tree, path), found.tree.place);
      mark(path);
    }
  }
  return marked;
}

/** A required key that is not there. */
function missing(key: string): Problem {
  const examples: Readonly<Record<string, string>> = {
    version: 'version: 1',
    fleet: 'fleet: lab',
    count: 'count: 30',
  };
  const example = examples[key];
  return {
    code: 'SPEC_MISSING',
    message: `'${key}' is missing`,
    hint: example === undefined ? undefined : `add '${example}'`,
  };
}
