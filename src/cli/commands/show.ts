/** `show NAME`: one container in full. */
import { selectContainers, showContainer } from '../../engine/list.ts';
import { renderShow } from '../../render/list.ts';
import type { ExitCode } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne } from '../selection.ts';

export async function run({ args }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const context = await runtime.connect();
  const name = args[0] as string;
  const { containers } = await selectContainers(context, { names: [name] });
  const document = await showContainer(context, onlyOne(containers, name).vmid);
  runtime.output.result(document, (style) => renderShow(document, style));
  return 0;
}
