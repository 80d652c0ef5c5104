/** `template upload FILE`: puts an archive of this machine onto a storage; the server checks its checksum. */
import { basename } from 'node:path';
import { makeFetchPlan } from '../../engine/plan-fetch.ts';
import type { ExitCode } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { fetchTarget, templateFileName } from '../template-names.ts';

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const path = args[0] as string;
  const file = templateFileName(options.filename ?? basename(path));
  const context = await runtime.connect();
  const source = { kind: 'file', path, location: runtime.path(path) } as const;
  return carryOut(runtime, context, {
    plan: async () => (await makeFetchPlan(context, file, source, fetchTarget(options))).plan,
    name: file,
    confirm: 'disruptive',
    nothing: `Nothing to do: ${file} is there already.`,
  });
}
