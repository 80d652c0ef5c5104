/**
 * The parameter check of the server (PVE::JSONSchema `validate`), driven by the official schema: all parameters are
 * checked, errors are gathered by parameter, in the server's words and order (schema-rules §1–§3).
 */
import { findParameter } from '../../schema/load.ts';
import type { ObjectFormat, Operation, ParamSchema } from '../../schema/types.ts';
import { messageOf } from '../../util/errors.ts';
import { paramError, SimError } from '../context.ts';
import { splitPropertyString } from '../wire/property-string.ts';
import { textOf } from '../wire/scalar.ts';
import { namedFormat, splitServerList } from './formats.ts';

type Errors = Map<string, string>;

const undefinedProperty =
  'property is not defined in schema and the schema does not allow additional properties';

/** Several texts of one key are joined with a backslash and an n, as the server does it. */
function addError(errors: Errors, path: string, text: string): void {
  const before = errors.get(path);
  errors.set(path, before === undefined ? text : `${before}\\n${text}`);
}

/** Perl's name for what a value is. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'ARRAY';
  return typeof value === 'boolean' ? 'JSON::PP::Boolean' : 'HASH';
}
const isScalar = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number';

const scalarTypes: Readonly<Record<string, RegExp>> = {
  boolean: /^[01]$/,
  integer: /^[+-]?\d+$/,
  number: /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/,
};

/** Checks the type; the text of the refusal, or `undefined`. */
function typeError(type: ParamSchema['type'], value: unknown): string | undefined {
  if (type === 'any') return undefined;
  if (type === 'null') return `type check ('null') failed - value is not null`;
  if (type === 'array') return Array.isArray(value) ? undefined : `type check ('array') failed`;
  if (type === 'object') {
    return typeof value === 'object' && !Array.isArray(value) ? undefined : `type check ('object') failed`;
  }
  if (type === 'boolean' && typeof value === 'boolean') return undefined;
  if (!isScalar(value)) return `type check ('${type}') failed - got ${kindOf(value)}`;
  const pattern = scalarTypes[type];
  return pattern === undefined || pattern.test(String(value))
    ? undefined
    : `type check ('${type}') failed - got '${value}'`;
}

/** Checks a property string; throws with the server's text. */
function checkPropertyString(format: ObjectFormat, text: string, path: string): void {
  const values = splitPropertyString(format, text);
  const errors: Errors = new Map();
  checkObject(values, (key) => format[key], Object.keys(format), false, path, errors);
  if (errors.size === 0) return;
  const lines = [...errors].map(([key, error]) => `${key}: ${error}\n`);
  throw new SimError(500, `format error\n${lines.join('')}`);
}

/** Checks a format; the text of the refusal with its newline, or `undefined`. */
function formatError(format: string | ObjectFormat, value: string, path: string): string | undefined {
  const named = typeof format === 'string' ? namedFormat(format) : ({ kind: 'object', format } as const);
  if (!named) return undefined;
  if (named.kind === 'object') {
    try {
      checkPropertyString(named.format, value, path);
      return undefined;
    } catch (error) {
      if (!(error instanceof SimError)) throw error;
      return `${messageOf(error).replace(/\n$/, '')}\n`;
    }
  }
  if (named.list === 'opt' && value === '') return undefined;
  for (const element of named.list === 'list' ? splitServerList(value) : [value]) {
    const text = named.check(element);
    if (text !== undefined) return `${text}\n`;
  }
  return undefined;
}

const patterns = new Map<string, RegExp>();
/** Anchored at both ends; like Perl's `$`, a newline at the end passes. */
function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (!pattern) {
    pattern = new RegExp(`^(?:${source})\\n?$`);
    patterns.set(source, pattern);
  }
  return pattern;
}

/** Checks text or number against everything but its type; the text of the first refusal, or `undefined`. */
function scalarError(schema: ParamSchema, value: string, path: string): string | undefined {
  if (schema.format !== undefined) {
    const text = formatError(schema.format, value, path);
    if (text !== undefined) return `invalid format - ${text}`;
  }
  if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) {
    return 'value does not match the regex pattern';
  }
  const { maxLength, minLength, maximum, minimum } = schema;
  if (maxLength !== undefined || minLength !== undefined) {
    const { length } = Array.from(value); // characters, not UTF-16 units
    if (maxLength !== undefined && length > maxLength)
      return `value may only be ${maxLength} characters long`;
    if (minLength !== undefined && length < minLength)
      return `value must be at least ${minLength} characters long`;
  }
  if (scalarTypes['number']?.test(value)) {
    if (maximum !== undefined && Number(value) > maximum)
      return `value must have a maximum value of ${maximum}`;
    if (minimum !== undefined && Number(value) < minimum)
      return `value must have a minimum value of ${minimum}`;
  }
  if (schema.enum && !schema.enum.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${schema.enum.join(', ')}'`;
  }
  return undefined;
}

function checkValue(value: unknown, schema: ParamSchema, path: string, errors: Errors): void {
  if (schema.oneOf) {
    const tries = schema.oneOf.map((alternative) => {
      const own: Errors = new Map();
      checkValue(value, alternative, path, own);
      return own;
    });
    if (tries.some((own) => own.size === 0)) return;
    for (const [key, text] of tries[0] ?? []) addError(errors, key, text);
    return;
  }
  if (value === undefined || value === null) {
    if (!schema.optional && schema.alias === undefined && schema.type !== 'null') {
      addError(errors, path, 'property is missing and it is not optional');
    }
    return;
  }
  const wrongType = typeError(schema.type, value);
  if (wrongType !== undefined) {
    addError(errors, path, wrongType);
  } else if (Array.isArray(value)) {
    const { items } = schema;
    if (items)
      for (const [index, element] of value.entries()) checkValue(element, items, `${path}[${index}]`, errors);
  } else if (typeof value === 'object') {
    const { properties, additionalProperties } = schema;
    if (!properties && !additionalProperties) return;
    const known = properties ?? {};
    const record = value as Readonly<Record<string, unknown>>;
    checkObject(record, (key) => known[key], Object.keys(known), additionalProperties ?? true, path, errors);
  } else {
    const text = scalarError(schema, textOf(value), path);
    if (text !== undefined) addError(errors, path, text);
  }
}

/**
 * Checks an object.
 *
 * @param schemaOf - schema of a key.
 * @param expected - keys that are looked at even when they are not given.
 */
function checkObject(
  values: Readonly<Record<string, unknown>>,
  schemaOf: (key: string) => ParamSchema | undefined,
  expected: readonly string[],
  additional: boolean | ParamSchema,
  path: string,
  errors: Errors,
): void {
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  for (const key of expected) {
    const schema = schemaOf(key);
    if (schema) checkValue(values[key], schema, at(key), errors);
  }
  const looked = new Set(expected);
  for (const key of Object.keys(values)) {
    const value = values[key];
    const schema = schemaOf(key);
    if (schema) {
      if (!looked.has(key)) checkValue(value, schema, at(key), errors);
      const { requires } = schema;
      if (requires !== undefined && (values[requires] === undefined || values[requires] === null)) {
        addError(errors, at(requires), `missing property required by '${at(key)}'`);
      }
    } else if (additional === false) {
      addError(errors, at(key), undefinedProperty);
    } else if (typeof additional === 'object') {
      checkValue(value, additional, at(key), errors);
    }
  }
}

/** What is known of an operation's parameters without looking at a request. */
interface Compiled {
  readonly expected: readonly string[];
  readonly schemaOf: (key: string) => ParamSchema | undefined;
}
const compiled = new WeakMap<Operation, Compiled>();

function compile(operation: Operation): Compiled {
  let found = compiled.get(operation);
  if (!found) {
    const { properties } = operation.parameters;
    found = {
      expected: Object.keys(properties).filter((key) => !key.endsWith('[n]')),
      schemaOf: (key) => (key.endsWith('[n]') ? undefined : findParameter(operation, key)),
    };
    compiled.set(operation, found);
  }
  return found;
}

/** A list for a `…-list` string is joined, a scalar for an array wrapped (PVE::RESTHandler normalize_legacy_param_formats). */
function normalise(
  params: Readonly<Record<string, unknown>>,
  { schemaOf }: Compiled,
): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(params)) {
    const schema = schemaOf(key);
    if (value === undefined || value === null) {
      if (!schema) result[key] = undefined; // an unknown key is refused even without a value
      continue;
    }
    const isList =
      schema?.type === 'string' && typeof schema.format === 'string' && schema.format.endsWith('-list');
    if (Array.isArray(value) && isList) result[key] = value.join(',');
    else if (schema?.type === 'array' && isScalar(value)) result[key] = [value];
    else result[key] = value;
  }
  return result;
}

/**
 * Checks the parameters of a call.
 *
 * @param operation - what is called.
 * @param raw - parameters as they came, path parameters included.
 * @returns the parameters as handlers get them: lists joined, arrays wrapped, JSON booleans as 0 and 1.
 * @throws SimError 400 with a text per wrong parameter.
 */
export function validateParams(
  operation: Operation,
  raw: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const known = compile(operation);
  const params = normalise(raw, known);
  const errors: Errors = new Map();
  checkObject(params, known.schemaOf, known.expected, operation.parameters.additionalProperties, '', errors);
  if (errors.size > 0) paramError(Object.fromEntries(errors));
  for (const [key, value] of Object.entries(params))
    if (typeof value === 'boolean') params[key] = value ? 1 : 0;
  return params;
}
