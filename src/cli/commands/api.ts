/** `api METHOD PATH [key=value …]`: any call of the API, checked for its path, then left to the server. */

import { isUpid } from '../../codec/upid.ts';
import type { EngineContext } from '../../engine/context.ts';
import type { WireValue } from '../../schema/request.ts';
import { pathParameters } from '../../schema/route.ts';
import type { HttpMethod } from '../../schema/types.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { redactValue } from '../../util/redact.ts';
import { matchPath, methodsOf } from '../api-paths.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

const methods: readonly string[] = ['GET', 'POST', 'PUT', 'DELETE'];

/** Splits `key=value`; a key that is repeated becomes a list. */
function parameters(words: readonly string[]): Record<string, WireValue> {
  const params: Record<string, WireValue> = {};
  for (const word of words) {
    const cut = word.indexOf('=');
    // The word is not shown: without its `=` it may be a value, and that may be a secret.
    if (cut < 1) throw new UsageError('a parameter is not of the form key=value');
    const key = word.slice(0, cut);
    const value = word.slice(cut + 1);
    const before = Object.hasOwn(params, key) ? params[key] : undefined;
    params[key] =
      before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value];
  }
  return params;
}

async function secrets(pairs: readonly string[], context: EngineContext): Promise<Record<string, string>> {
  const resolved: Record<string, string> = {};
  for (const pair of pairs) {
    const [, key = '', reference = ''] = /^([^=]+)=((?:env|file|command):.+)$/.exec(pair) ?? [];
    if (key === '') throw new UsageError('--secret takes key=env:NAME, key=file:PATH or key=command:PROGRAM');
    resolved[key] = await context.resolveSecret(reference);
  }
  return resolved;
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const [verb = '', path = '', ...words] = args;
  const method = verb.toUpperCase() as HttpMethod;
  if (!methods.includes(method)) {
    throw new UsageError(`'${verb}' is no method of the API`, { hint: `there are ${methods.join(', ')}` });
  }
  const given = parameters(words);
  const { template, params } = matchPath(path);
  const available = methodsOf(template);
  if (!available.includes(method)) {
    throw new UsageError(`${template} has no ${method}`, {
      hint: `it has ${available.join(', ')}; see pvefleet api explain ${template}`,
    });
  }
  const twice = Object.keys(params).find((name) => name in given);
  if (twice !== undefined) throw new UsageError(`'${twice}' stands in the path already`);
  const missing = pathParameters(template).find((name) => !(name in params) && !(name in given));
  if (missing !== undefined) throw new UsageError(`no value for {${missing}} of ${template}`);
  const context = await runtime.connect();
  const data = await context.pve.request(
    {
      method,
      path: template,
      params: { ...params, ...given, ...(await secrets(options.secret ?? [], context)) },
    },
    { signal: context.signal },
  );
  const task =
    options.wait && isUpid(data) ? await context.pve.waitTask(data, { signal: context.signal }) : undefined;
  runtime.output.result(
    { format: 'pvefleet.api/1', method, path: template, data, ...(task ? { task } : {}) },
    () => {
      if (data === null) return 'Done.\n';
      return typeof data === 'string' ? `${data}\n` : `${JSON.stringify(redactValue(data), null, 2)}\n`;
    },
  );
  if (task?.state === 'failed') runtime.output.tell(`The task failed: ${task.exitStatus}`);
  if (task?.state === 'warnings') runtime.output.tell(`The task ended with warnings: ${task.count}`);
  if (isUpid(data) && !task)
    runtime.output.say(`A task was started; follow it with: pvefleet task wait '${data}'`);
  return task?.state === 'failed' ? 5 : 0;
}
