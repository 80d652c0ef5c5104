/** `list`: containers with state, address, limits, usage, owner, group and what is done to them for a time. */
import { listContainers } from '../../engine/list.ts';
import { listColumns, listRows, renderList } from '../../render/list.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import { suggest } from '../../util/suggest.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf } from '../selection.ts';

function checkColumns(names: readonly string[] | undefined): void {
  const unknown = names?.find((name) => !listColumns.includes(name));
  if (unknown === undefined) return;
  const near = suggest(unknown, listColumns);
  throw new UsageError(`there is no column '${unknown}'`, {
    hint: near === undefined ? `there are ${listColumns.join(', ')}` : `did you mean ${near}?`,
  });
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { columns } = options;
  checkColumns(columns);
  const context = await runtime.connect();
  // one more request for each running container, so only where they are shown
  const addresses = columns === undefined || columns.includes('address');
  const document = await listContainers(context, selectionOf(args, options), { addresses });
  const isCsv = options.output === 'csv';
  const { renderCsv } = isCsv ? await import('../../render/csv.ts') : { renderCsv: undefined };
  const { titles, rows } = listRows(document, columns);
  runtime.output.result(
    document,
    (style) => renderCsv?.(titles, rows) ?? renderList(document, style, columns),
  );
  return 0;
}
