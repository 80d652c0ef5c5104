/** `sim export`: a live cluster as a seed for `sim serve`. Only reads. */
import { type ExportedState, exportState } from '../../engine/export-state.ts';
import { counted } from '../../render/values.ts';
import type { ExitCode } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { writeWhole } from '../sim-files.ts';

/** What was read, in words. */
function summary(state: ExportedState): string {
  const numbers: readonly (readonly [number, string])[] = [
    [Object.keys(state.nodes).length, 'node'],
    [Object.keys(state.containers).length, 'container'],
    [Object.keys(state.vms).length, 'virtual machine'],
    [Object.keys(state.storages).length, 'storage'],
    [Object.keys(state.volumes).length, 'volume'],
  ];
  return numbers.map(([count, what]) => counted(count, what)).join(', ');
}

export async function run({ options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { output, host } = runtime;
  const context = await runtime.connect();
  const { state, notices } = await exportState(context);
  // Where nobody shows events to people, what was left out must not go unsaid.
  if (output.format !== 'human' || output.quiet)
    for (const { message, hint } of notices)
      output.tell(`warning: ${message}${hint === undefined ? '' : `; ${hint}`}`);
  const file = options.outputFile;
  // The credentials in it were made for the simulator a moment ago: they are the result, so nothing is masked.
  if (file === undefined) {
    host.stdout.write(`${JSON.stringify(state, null, output.format === 'ndjson' ? 0 : 1)}\n`);
    return 0;
  }
  await writeWhole(runtime.path(file), `${JSON.stringify(state, null, 1)}\n`);
  const document = {
    format: 'pvefleet.sim-export/1',
    file,
    nodes: Object.keys(state.nodes).length,
    containers: Object.keys(state.containers).length,
    machines: Object.keys(state.vms).length,
    storages: Object.keys(state.storages).length,
    volumes: Object.keys(state.volumes).length,
    notices,
  };
  output.result(
    document,
    () => `Wrote ${file}: ${summary(state)}.\nRehearse on it with: pvefleet sim serve --seed ${file}\n`,
  );
  return 0;
}
