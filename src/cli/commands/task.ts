/** `task list|log|wait|stop`: the tasks of the cluster. */
import type { TaskOutcome } from '../../api/types.ts';
import { selectContainers } from '../../engine/list.ts';
import { listTasks, stopTask, taskLog, waitTask } from '../../engine/tasks.ts';
import { renderTasks } from '../../render/tasks.ts';
import { type ExitCode, UsageError } from '../../util/errors.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { onlyOne } from '../selection.ts';

type Step = (invocation: Invocation, runtime: Runtime) => Promise<ExitCode>;

const list: Step = async ({ args, options }, runtime) => {
  const context = await runtime.connect();
  const [name] = args;
  const vmid =
    name === undefined
      ? undefined
      : onlyOne((await selectContainers(context, { names: [name] })).containers, name).vmid;
  const document = await listTasks(context, {
    ...(options.node === undefined ? {} : { node: options.node }),
    ...(vmid === undefined ? {} : { vmid }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.running ? { running: true } : {}),
    ...(options.errors ? { failed: true } : {}),
  });
  runtime.output.result(document, (style) => renderTasks(document.tasks, style));
  return 0;
};

/** One line about the end of a task. */
function outcomeText(outcome: TaskOutcome): string {
  if (outcome.state === 'ok') return 'The task ended well.';
  return outcome.state === 'warnings'
    ? `The task ended with ${outcome.count} ${outcome.count === 1 ? 'warning' : 'warnings'}.`
    : `The task failed: ${outcome.exitStatus}`;
}

const log: Step = async ({ args, options }, runtime) => {
  const context = await runtime.connect();
  const upid = args[0] as string;
  const { output } = runtime;
  if (!options.follow) {
    const lines = await taskLog(context, upid);
    output.result({ format: 'pvefleet.task-log/1', upid, lines }, () =>
      lines.map((line) => `${line}\n`).join(''),
    );
    return 0;
  }
  const lines: string[] = [];
  const outcome = await context.pve.waitTask(upid, {
    signal: context.signal,
    onLog: (line) => {
      lines.push(line);
      if (output.format === 'human') output.line(line);
      else context.emit({ type: 'task.log', id: upid, line });
    },
  });
  output.result({ format: 'pvefleet.task-log/1', upid, lines, outcome }, () => '');
  return outcome.state === 'failed' ? 5 : 0;
};

const wait: Step = async ({ args, options }, runtime) => {
  const context = await runtime.connect();
  const upid = args[0] as string;
  const outcome = await waitTask(context, upid, {
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
    follow: options.verbose === true || options.output === 'ndjson',
  });
  runtime.output.result({ format: 'pvefleet.task/1', ...outcome }, () => {
    const log = 'log' in outcome ? outcome.log.map((line) => `  ${line}\n`).join('') : '';
    return `${log}${outcomeText(outcome)}\n`;
  });
  return outcome.state === 'failed' ? 5 : 0;
};

const stop: Step = async ({ args, options }, runtime) => {
  const upid = args[0] as string;
  if (!options.yes && runtime.interactive) {
    const { askConfirmation } = await import('../../prompts/confirm.ts');
    if (!(await askConfirmation(await runtime.prompts(), `Stop task ${upid}?`)))
      throw new UsageError('stopped: nothing was changed', { code: 'DECLINED' });
  }
  await stopTask(await runtime.connect(), upid);
  runtime.output.result({ format: 'pvefleet.task-stop/1', upid }, () => 'Asked the server to stop it.\n');
  return 0;
};

const steps: Readonly<Record<string, Step>> = {
  'task list': list,
  'task log': log,
  'task wait': wait,
  'task stop': stop,
};

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  return (steps[invocation.command] as Step)(invocation, runtime);
}
