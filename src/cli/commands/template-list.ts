/** `template list`: archives on the storages, or with `--available` what the catalogue offers. */
import { listCatalogue, listTemplates } from '../../engine/templates.ts';
import { renderCatalogue, renderTemplates } from '../../render/templates.ts';
import type { ExitCode } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const context = await runtime.connect();
  if (options.available) {
    const document = await listCatalogue(context, options.node);
    runtime.output.result(document, (style) => renderCatalogue(document, style));
    return 0;
  }
  const document = await listTemplates(context, {
    ...(options.node === undefined ? {} : { node: options.node }),
    ...(options.storage === undefined ? {} : { storage: options.storage }),
  });
  runtime.output.result(document, (style) => renderTemplates(document, style));
  return 0;
}
