/** `template delete`: removes one archive from its storage. */
import { PlanRefusedError } from '../../engine/errors.ts';
import { deleteTemplate } from '../../engine/templates.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';

/** An archive can be downloaded again, but a file that was uploaded can not: so it takes the same permission. */
async function authorise(volume: string, { options }: Invocation, runtime: Runtime): Promise<void> {
  if (options.allow?.includes('destroy')) return;
  if (!runtime.interactive) {
    throw new PlanRefusedError({
      fleet: volume,
      message: `refused: this destroys ${volume}`,
      hint: 'allow it with --allow destroy if that is what you want',
    });
  }
  const { askConfirmation } = await import('../../prompts/confirm.ts');
  if (!(await askConfirmation(await runtime.prompts(), `Delete ${volume}?`)))
    throw new UsageError('stopped: nothing was changed', { code: 'DECLINED' });
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { args, options } = invocation;
  const volume = args[0] as string;
  await authorise(volume, invocation, runtime);
  const context = await runtime.connect();
  const outcome = await deleteTemplate(
    context,
    volume,
    options.node === undefined ? {} : { node: options.node },
  );
  const document = { format: 'pvefleet.template-delete/1', volume, ...(outcome ? { task: outcome } : {}) };
  runtime.output.result(document, () => `Deleted ${volume}.\n`);
  return 0;
}
