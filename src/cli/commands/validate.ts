/** `validate -f FILE`: syntax, schema and cross-checks, offline. */
import { renderDiagnostics } from '../../render/diagnostics.ts';
import { hasErrors } from '../../util/diagnostic.ts';
import type { ExitCode } from '../../util/errors.ts';
import { checkFleetFile } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const {
    fleet,
    diagnostics,
    sources,
    file: given,
  } = await checkFleetFile(runtime, options, {
    copies: true,
  });
  const file = given === '-' ? '<stdin>' : given;
  const valid = fleet !== undefined && !hasErrors(diagnostics);
  const document = {
    format: 'pvefleet.validate/1',
    file,
    valid,
    ...(fleet ? { fleet: fleet.name, containers: fleet.containers.map((container) => container.key) } : {}),
    diagnostics,
  };
  runtime.output.result(document, (style) => {
    const findings = diagnostics.length > 0 ? renderDiagnostics(diagnostics, sources, style) : '';
    const count = fleet?.containers.length ?? 0;
    const verdict = valid
      ? style.green(
          `${file} is valid: fleet ${fleet.name}, ${count} ${count === 1 ? 'container' : 'containers'}.`,
        )
      : style.red(`${file} is not valid.`);
    return `${findings}${verdict}\n`;
  });
  return valid ? 0 : 3;
}
