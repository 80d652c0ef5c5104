/**
 * Raw operations → the normalised, prose-free schema.
 * Only facts are copied, key by key: names, types, limits, patterns, enumerations, permissions. Descriptions, titles and
 * defaults that are sentences stay behind.
 */
import type { HttpMethod, ObjectFormat, Operation, ParamSchema, Permissions } from '../types.ts';
import { perlToJs } from './perl-regex.ts';
import type { RawOperation } from './read-apidata.ts';

type Raw = Readonly<Record<string, unknown>>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const types = new Set(['string', 'integer', 'number', 'boolean', 'array', 'object', 'null', 'any']);
const isRecord = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTrue = (value: unknown): boolean => value === 1 || value === '1' || value === true;
const number = (value: unknown): number | undefined => {
  const n = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) ? n : undefined;
};

function typeOf(raw: Raw): ParamSchema['type'] {
  if (typeof raw['type'] === 'string' && types.has(raw['type'])) return raw['type'] as ParamSchema['type'];
  if (raw['items'] !== undefined) return 'array';
  return raw['properties'] !== undefined ? 'object' : 'string';
}

/** A default that is a value, not a sentence. */
function defaultOf(value: unknown): string | number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^[\w.,:;@/*+-]{1,60}$/.test(value) ? value : undefined;
}

function children(raw: unknown): Record<string, ParamSchema> {
  const entries = isRecord(raw) ? Object.entries(raw) : [];
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, Raw] => isRecord(entry[1]))
      .map(([name, value]) => [name, normaliseParam(value)]),
  );
}

function additional(raw: unknown): boolean | ParamSchema | undefined {
  if (isRecord(raw)) return normaliseParam(raw);
  return raw === undefined ? undefined : isTrue(raw);
}

/**
 * Normalises the schema of one value.
 *
 * @param raw - a schema object of the official file.
 * @returns the same facts with clean types.
 */
function normaliseParam(raw: Raw): ParamSchema {
  const out: Mutable<ParamSchema> = { type: typeOf(raw) };
  if (isTrue(raw['optional'])) out.optional = true;
  if (typeof raw['format'] === 'string') out.format = raw['format'];
  else if (isRecord(raw['format'])) out.format = children(raw['format']) satisfies ObjectFormat;
  if (typeof raw['pattern'] === 'string') out.pattern = perlToJs(raw['pattern']);
  if (Array.isArray(raw['enum']) && raw['enum'].length > 0) out.enum = raw['enum'].map(String);
  for (const key of ['minimum', 'maximum', 'minLength', 'maxLength'] as const) {
    const value = number(raw[key]);
    if (value !== undefined) out[key] = value;
  }
  const fallback = defaultOf(raw['default']);
  if (fallback !== undefined) out.default = fallback;
  if (typeof raw['requires'] === 'string') out.requires = raw['requires'];
  if (isRecord(raw['properties'])) out.properties = children(raw['properties']);
  if (isRecord(raw['items'])) out.items = normaliseParam(raw['items']);
  const more = additional(raw['additionalProperties']);
  if (more !== undefined) out.additionalProperties = more;
  if (Array.isArray(raw['oneOf'])) out.oneOf = (raw['oneOf'] as Raw[]).map(normaliseParam);
  if (isTrue(raw['default_key'])) out.defaultKey = true;
  if (typeof raw['alias'] === 'string') out.alias = raw['alias'];
  if (typeof raw['keyAlias'] === 'string') out.keyAlias = raw['keyAlias'];
  return out;
}

/** Parameters of several variants (by type) become one set; a key is required when every variant requires it. */
function mergeVariants(variants: readonly Record<string, ParamSchema>[]): Record<string, ParamSchema> {
  const names = new Set(variants.flatMap((variant) => Object.keys(variant)));
  return Object.fromEntries(
    [...names].map((name) => {
      const found = variants.map((variant) => variant[name]).filter((schema) => schema !== undefined);
      const required = found.length === variants.length && found.every((schema) => !schema.optional);
      return [name, required ? (found[0] as ParamSchema) : { ...(found[0] as ParamSchema), optional: true }];
    }),
  );
}

/** Parameters by type of the thing, and the one that tells the type. */
function variantsOf(part: Raw): Record<string, ParamSchema> {
  const variants = (part['oneOf'] as Raw[]).map((variant) => children(variant['properties']));
  const name = part['type-property'];
  const schema = part['type-property-schema'];
  return {
    ...mergeVariants(variants),
    ...(typeof name === 'string' && isRecord(schema) ? { [name]: normaliseParam(schema) } : {}),
  };
}

function parametersOf(raw: Raw): Operation['parameters'] {
  const parts = Array.isArray(raw['allOf']) ? (raw['allOf'] as Raw[]) : [raw];
  const properties = Object.assign(
    {},
    ...parts.map((part) => (Array.isArray(part['oneOf']) ? variantsOf(part) : children(part['properties']))),
  ) as Record<string, ParamSchema>;
  return {
    properties,
    additionalProperties: !Array.isArray(raw['allOf']) && isTrue(raw['additionalProperties'] ?? 1),
  };
}

function permissionsOf(raw: unknown): Permissions | undefined {
  if (!isRecord(raw)) return undefined;
  const out: Mutable<Permissions> = {};
  if (raw['user'] === 'all' || raw['user'] === 'world') out.user = raw['user'];
  if (Array.isArray(raw['check'])) out.check = raw['check'] as unknown as NonNullable<Permissions['check']>;
  if (typeof raw['description'] === 'string') out.checkedInCode = true;
  return out;
}

/**
 * Normalises one operation.
 *
 * @param raw - an operation of the official file.
 * @returns the operation without prose.
 */
export function normaliseOperation(raw: RawOperation): Operation {
  const { info } = raw;
  const permissions = permissionsOf(info['permissions']);
  return {
    method: raw.method as HttpMethod,
    path: raw.path,
    name: String(info['name']),
    tokenAllowed: info['allowtoken'] === undefined || isTrue(info['allowtoken']),
    ...(isTrue(info['protected']) ? { protected: true as const } : {}),
    ...(typeof info['proxyto'] === 'string' ? { proxyTo: info['proxyto'] } : {}),
    ...(permissions ? { permissions } : {}),
    parameters: parametersOf((info['parameters'] ?? {}) as Raw),
    returns: normaliseParam((info['returns'] ?? { type: 'null' }) as Raw),
  };
}
