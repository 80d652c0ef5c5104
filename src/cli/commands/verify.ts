/** `verify -f FILE`: observes anew and compares; changes nothing. */
import { verify } from '../../engine/verify.ts';
import { renderVerifyJunit } from '../../render/junit.ts';
import { renderVerifyMarkdown } from '../../render/markdown.ts';
import { renderVerify } from '../../render/report.ts';
import type { ExitCode } from '../../util/errors.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { verifyScope } from '../verify-scope.ts';

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { fleet } = await readFleet(runtime, options);
  const context = await runtime.connect();
  const report = verifyScope(await verify(context, fleet), options);
  runtime.output.result(report, (style) => renderVerify(report, style), {
    markdown: () => renderVerifyMarkdown(report),
    junit: () => renderVerifyJunit(report),
  });
  return report.converged ? 0 : 7;
}
