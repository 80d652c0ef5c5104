/** Calling one handler from another, as the server's own methods call each other: same caller, other parameters. */
import { findOperation } from '../../schema/load.ts';
import type { HttpMethod } from '../../schema/types.ts';
import { die, type HandlerContext, type HandlerTable } from '../context.ts';

/**
 * A context with other parameters.
 *
 * @param context - of the request that is being answered.
 * @param params - parameters, those of the path included; numbers and booleans are told apart as the wire does.
 * @param key - `METHOD /path/template` of the operation; default: the same operation.
 */
export function withParams(
  context: HandlerContext,
  params: Readonly<Record<string, string | number>>,
  key?: string,
): HandlerContext {
  const [method, path] = (key ?? '').split(' ') as [HttpMethod, string?];
  const operation = path === undefined ? undefined : findOperation(method, path);
  const text = (name: string): string | undefined =>
    params[name] === undefined ? undefined : String(params[name]);
  return {
    ...context,
    ...(operation ? { operation } : {}),
    params,
    text,
    number: (name) => (params[name] === undefined ? undefined : Number(params[name])),
    flag: (name) => (params[name] === undefined ? undefined : text(name) === '1'),
    extra: () => undefined, // what lies beside an answer is for the answer's own request
  };
}

/**
 * Calls a handler.
 *
 * @param table - where it is.
 * @param key - `METHOD /path/template`.
 * @param context - of the request that is being answered.
 * @param params - its parameters.
 * @returns what it answers.
 */
export async function callHandler(
  table: HandlerTable,
  key: string,
  context: HandlerContext,
  params: Readonly<Record<string, string | number>>,
): Promise<unknown> {
  const handler = table[key] ?? die(`no handler for '${key}'`);
  return handler(withParams(context, params, key));
}
