/**
 * Reads the normalised schema from disk, once and only when asked for (about 1 MB of JSON).
 * Used by the simulator and by the `api` command; the client itself needs only the generated types.
 */
import { readFileSync } from 'node:fs';
import { splitIndexedKey } from './overlay.ts';
import type { HttpMethod, Operation, ParamSchema, PveSchema } from './types.ts';

let cached: PveSchema | undefined;

/**
 * Gives the schema of the whole API.
 *
 * @returns the schema; the same frozen object at each call.
 */
export function loadSchema(): PveSchema {
  cached ??= JSON.parse(
    readFileSync(new URL('./generated/schema.json', import.meta.url), 'utf8'),
  ) as PveSchema;
  return cached;
}

/**
 * Finds an operation by verb and path template.
 *
 * @param method - HTTP verb.
 * @param path - path template with `{name}` segments, exactly as in the schema.
 * @returns the operation, or `undefined` when the API has none.
 */
export function findOperation(method: HttpMethod, path: string): Operation | undefined {
  return loadSchema().operations[`${method} ${path}`];
}

/**
 * Finds the schema of a parameter; `net3` is found under `net[n]`.
 *
 * @param operation - the operation that takes the parameter.
 * @param name - parameter name as it is sent.
 * @returns its schema, or `undefined` when the operation has no such parameter.
 */
export function findParameter(operation: Operation, name: string): ParamSchema | undefined {
  const { properties } = operation.parameters;
  if (Object.hasOwn(properties, name)) return properties[name];
  const indexed = splitIndexedKey(name);
  return indexed ? properties[`${indexed.family}[n]`] : undefined;
}
