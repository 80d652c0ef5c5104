/** Tasks of the server as a table. */
import type { TaskSummary } from '../engine/tasks.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { showDuration } from './values.ts';

const columns: readonly Column[] = [
  { title: 'START (UTC)' },
  { title: 'NODE' },
  { title: 'TYPE' },
  { title: 'ID' },
  { title: 'USER' },
  { title: 'TOOK' },
  { title: 'STATUS' },
  { title: 'UPID', isBelow: true, isWhole: true },
];

function statusCell(task: TaskSummary, style: Style): string {
  const paint = { running: style.cyan, ok: style.green, warnings: style.yellow, failed: style.red }[
    task.state
  ];
  return paint(
    task.state === 'ok' || task.state === 'running' ? task.state : (task.exitStatus ?? task.state),
  );
}

/**
 * Renders tasks, newest first as they come.
 *
 * @param tasks - rows.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderTasks(tasks: readonly TaskSummary[], style: Style): string {
  if (tasks.length === 0) return 'No tasks.\n';
  const rows = tasks.map((task) => [
    new Date(task.startedAt * 1000).toISOString().replace('T', ' ').slice(0, 19),
    task.node,
    task.type,
    task.id,
    task.user,
    task.endedAt === undefined ? '' : showDuration((task.endedAt - task.startedAt) * 1000),
    statusCell(task, style),
    style.dim(task.upid),
  ]);
  return renderTable(columns, rows, style);
}
