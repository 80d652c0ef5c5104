/** `api explain PATH`: parameters, limits and permissions of a path, from the schema that ships with pvefleet. */
import type { Style } from '../../render/style.ts';
import { findOperation, loadSchema } from '../../schema/load.ts';
import { pathParameters } from '../../schema/route.ts';
import type { Operation, ParamSchema, Permissions } from '../../schema/types.ts';
import type { ExitCode } from '../../util/errors.ts';
import { matchPath, methodsOf } from '../api-paths.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

/** `mp0, mp1, … mp255` becomes `mp0 … mp255`. */
function shorten(values: readonly string[]): string[] {
  const family = (value: string | undefined): string | undefined => /^(.*\D)\d+$/.exec(value ?? '')?.[1];
  return values.flatMap((value, index) => {
    const own = family(value);
    if (own === undefined || values.length < 12) return [value];
    const [before, after] = [family(values[index - 1]) === own, family(values[index + 1]) === own];
    if (before) return [];
    const last = values.findLast((other) => family(other) === own);
    return [after ? `${value} … ${last}` : value];
  });
}

/** Type and limits of a value in a few words. */
export function describeType(schema: ParamSchema): string {
  if (schema.oneOf) return schema.oneOf.map(describeType).join(' or ');
  const { minimum, maximum, minLength, maxLength } = schema;
  const range = minimum !== undefined || maximum !== undefined ? ` ${minimum ?? ''}..${maximum ?? ''}` : '';
  const length =
    minLength !== undefined || maxLength !== undefined
      ? ` ${minLength ?? 0}..${maxLength ?? ''} characters`
      : '';
  const format = typeof schema.format === 'string' ? ` (${schema.format})` : '';
  const values = schema.enum ? `: ${shorten(schema.enum).join(' | ')}` : '';
  const pattern = schema.pattern !== undefined && !schema.enum ? ` /${schema.pattern}/` : '';
  const preset = schema.default === undefined ? '' : `, default ${schema.default}`;
  const items = schema.type === 'array' && schema.items ? ` of ${describeType(schema.items)}` : '';
  return `${schema.type}${items}${range}${length}${format}${values}${pattern}${preset}`;
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.map(text).join(' or ') : String(value);
}

/** A permission expression as a sentence; unknown forms are shown as they are. */
function describeCheck(check: readonly unknown[]): string {
  const [kind, ...rest] = check;
  if (kind === 'and' || kind === 'or') {
    return rest.map((part) => (Array.isArray(part) ? describeCheck(part) : text(part))).join(` ${kind} `);
  }
  if (kind === 'perm') {
    const [path, privileges, ...more] = rest;
    const any = more.includes('any') && more[more.indexOf('any') + 1] ? ' or ' : ', ';
    return `${Array.isArray(privileges) ? privileges.join(any) : text(privileges)} on ${text(path)}`;
  }
  return check.map(text).join(' ');
}

/**
 * Says who may call an operation.
 *
 * @param permissions - as the schema gives them.
 * @returns one line.
 */
export function describePermissions(permissions: Permissions | undefined): string {
  if (!permissions) return 'only root@pam, without a token';
  const parts = [
    ...(permissions.user === 'all' ? ['everybody who is logged in'] : []),
    ...(permissions.user === 'world' ? ['everybody, without login'] : []),
    ...(permissions.check ? [describeCheck(permissions.check)] : []),
    ...(permissions.checkedInCode ? ['further rules on the server'] : []),
  ];
  return parts.join('; ');
}

interface ParameterRow {
  readonly name: string;
  readonly needed: string;
  readonly type: string;
}

function parameterRows(operation: Operation): ParameterRow[] {
  const inPath = pathParameters(operation.path);
  const rank = (name: string, schema: ParamSchema): number =>
    inPath.includes(name) ? inPath.indexOf(name) - 100 : schema.optional ? 1 : 0;
  return Object.entries(operation.parameters.properties)
    .sort(([a, x], [b, y]) => rank(a, x) - rank(b, y) || (a < b ? -1 : 1))
    .flatMap(([name, schema]) => [
      {
        name,
        needed: inPath.includes(name) ? 'path' : schema.optional ? '' : 'required',
        type: typeof schema.format === 'object' ? 'key=value,…' : describeType(schema),
      },
      ...(typeof schema.format === 'object'
        ? Object.entries(schema.format).map(([key, sub]) => ({
            name: `  ${key}=`,
            needed: sub.optional ? '' : 'required',
            type:
              sub.alias === undefined
                ? `${describeType(sub)}${sub.defaultKey ? ', may stand alone' : ''}`
                : `same as ${sub.alias}`,
          }))
        : []),
    ]);
}

function render(operations: readonly Operation[], style: Style): string {
  return operations
    .map((operation) => {
      const rows = parameterRows(operation);
      const nameWidth = Math.max(0, ...rows.map((row) => row.name.length));
      const lines = rows.map((row) =>
        `  ${row.name.padEnd(nameWidth)}  ${row.needed.padEnd(8)}  ${style.dim(row.type)}`.trimEnd(),
      );
      return [
        `${style.bold(`${operation.method} ${operation.path}`)}  ${operation.name}`,
        ...(lines.length > 0 ? lines : ['  no parameters']),
        `  returns    ${describeType(operation.returns)}`,
        `  allowed    ${describePermissions(operation.permissions)}`,
        `  token      ${operation.tokenAllowed ? 'yes' : 'no, needs a login with password'}`,
      ].join('\n');
    })
    .join('\n\n')
    .concat('\n');
}

export async function run({ args }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { template } = matchPath(args[0] as string);
  const operations = methodsOf(template).flatMap((method) => findOperation(method, template) ?? []);
  const { product, version } = loadSchema().source;
  runtime.output.result(
    { format: 'pvefleet.explain/1', path: template, schema: `${product} ${version}`, operations },
    (style) => render(operations, style),
  );
  return 0;
}
