/** `doctor`: can we work with this cluster, and with `-f`: can this fleet be built there. */
import { diagnose } from '../../engine/doctor.ts';
import { renderDoctor } from '../../render/doctor.ts';
import type { ExitCode } from '../../util/errors.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const fleet = options.file === undefined ? undefined : (await readFleet(runtime, options)).fleet;
  const context = await runtime.connect();
  const document = await diagnose(context, fleet === undefined ? {} : { fleet });
  runtime.output.result(document, (style) => renderDoctor(document, style));
  return document.healthy ? 0 : 4;
}
