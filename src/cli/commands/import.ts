/** `import [names…]`: a fleet file that describes existing containers. Changes nothing. */
import { importContainers } from '../../engine/import.ts';
import { renderDiagnostics } from '../../render/diagnostics.ts';
import type { ExitCode } from '../../util/errors.ts';
import { readAliases } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf } from '../selection.ts';

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output } = runtime;
  // --fleet names the fleet of the file here, and is no filter
  const { fleet, ...filters } = options;
  const context = await runtime.connect();
  const document = await importContainers(context, selectionOf(args, filters), {
    aliases: await readAliases(),
    ...(fleet === undefined ? {} : { fleet }),
  });
  output.result(document, () => document.yaml);
  if (document.notices.length > 0 && output.format === 'human')
    output.say(renderDiagnostics(document.notices, new Map(), output.errorStyle));
  return 0;
}
