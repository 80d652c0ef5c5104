/** `list`: containers with state, address, limits, usage and owner. */
import { listContainers } from '../../engine/list.ts';
import { renderList } from '../../render/list.ts';
import type { ExitCode } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf } from '../selection.ts';

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const context = await runtime.connect();
  const document = await listContainers(context, selectionOf(args, options), { addresses: true });
  runtime.output.result(document, (style) => renderList(document, style));
  return 0;
}
