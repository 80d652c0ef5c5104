/**
 * Carries out a step of provisioning: asks whether it was run, runs it, notes it. The marker inside the container decides, and
 * the run leaves it there itself, so that neither a broken connection nor the end of this process makes it run twice.
 */
import type { CommandSpec } from '../console/command-script.ts';
import { quote } from '../console/quote.ts';
import type { Shell } from '../console/shell.ts';
import {
  checkScript,
  markerFolder,
  packagesScript,
  placeScript,
  serviceScript,
  stepScript,
} from '../console/step-scripts.ts';
import type { ProvisionStep, RunStep } from '../domain/desired.ts';
import type { Action, InsideWork } from '../domain/plan.ts';
import { describeStep } from '../domain/provision.ts';
import type { EngineContext } from './context.ts';
import { StepFailedError } from './failures.ts';
import type { Outcome } from './follow-task.ts';
import { shipmentOf } from './local-tree.ts';
import { recordStep } from './record-step.ts';
import { type Ended, type InsideOptions, runInside } from './run-inside.ts';

type ProvisionWork = Extract<InsideWork, { kind: 'provision' }>;

/** Seconds that asking may take. */
const askSeconds = 60;

/** What is run for a step: a script, its arguments and its input. */
interface Script {
  readonly body: string;
  readonly args: readonly string[];
  /** `env`: the input is assignments, `data`: it is the script's own. */
  readonly input: 'env' | 'data';
  readonly stdin?: NonNullable<InsideOptions['stdin']>;
  readonly totalBytes?: number;
  readonly secrets?: readonly string[];
}

/** Variables go over the input: command lines can be seen by everybody inside. */
async function variablesOf(
  context: EngineContext,
  env: NonNullable<RunStep['env']>,
): Promise<Pick<Script, 'stdin' | 'secrets'>> {
  const secrets: string[] = [];
  const lines: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    const text = typeof value === 'string' ? value : await context.resolveSecret(value.$secret);
    if (typeof value !== 'string') secrets.push(text);
    lines.push(`export ${name}=${quote(text)}\n`);
  }
  return { stdin: [Buffer.from(lines.join(''))], secrets };
}

async function scriptOf(context: EngineContext, step: ProvisionStep): Promise<Script> {
  switch (step.kind) {
    case 'run': {
      const variables = step.env === undefined ? {} : await variablesOf(context, step.env);
      return { body: step.script, args: [], input: 'env', ...variables };
    }
    case 'packages':
      return { body: packagesScript, args: step.packages, input: 'env' };
    case 'service': {
      const { service, state = '', enabled } = step;
      const boot = enabled === undefined ? '' : enabled ? 'enabled' : 'disabled';
      return { body: serviceScript, args: [service, state, boot], input: 'env' };
    }
    case 'copy': {
      const { to, bytes } = await shipmentOf(step);
      const totalBytes = step.local && 'sizeBytes' in step.local ? step.local.sizeBytes : 0;
      return { body: placeScript, args: [to, step.owner ?? ''], input: 'data', stdin: bytes, totalBytes };
    }
  }
}

/** Percentages of what is sent. */
function sending(context: EngineContext, id: string, totalBytes: number): (bytes: number) => void {
  let percent = -1;
  return (bytes) => {
    const now = Math.min(100, Math.floor((bytes / Math.max(1, totalBytes)) * 100));
    if (now === percent) return;
    percent = now;
    context.emit({ type: 'task.progress', id, percent });
  };
}

function failure(
  work: ProvisionWork,
  { exitCode, timedOut, log }: Ended,
  object: string,
  vmid: number,
): StepFailedError {
  const { step, position, of } = work;
  const how = timedOut
    ? `it was ended after ${step.timeoutSeconds} s`
    : `exit code ${exitCode}${log.length > 0 ? `, last said '${log.at(-1)}'` : ''}`;
  return new StepFailedError(
    `step ${position} of ${of} in ${object} failed (${describeStep(step)}): ${how}`,
    {
      log,
      exitCode,
      hint: timedOut
        ? `give it more time with 'timeout:', or look inside with: pvefleet attach ${vmid}`
        : 'mend it and apply again: steps that were run are not run again',
    },
  );
}

/**
 * Runs a step inside its container, unless it was run already.
 *
 * @param context - client, clock, signals, secrets, events.
 * @param shell - of the container.
 * @param action - the step.
 * @param work - its data.
 * @param vmid - id of the container.
 * @returns `unchanged` when it was run already.
 * @throws StepFailedError with the last lines of its output; IndeterminateError when its end is not known; StalePlanError
 *   when what it copies has changed.
 */
export async function provision(
  context: EngineContext,
  shell: Shell,
  action: Action,
  work: ProvisionWork,
  vmid: number,
): Promise<Outcome> {
  const { id, target } = action;
  const { step, digest, digests } = work;
  const object = `${target.key} (CT ${vmid})`;
  const doing = `step ${work.position} of ${work.of} in ${object}`;
  const folder = context.markerFolder ?? markerFolder;
  const run = (
    argv: readonly string[],
    timeoutSeconds: number,
    options: Partial<InsideOptions>,
  ): Promise<Ended> => {
    const spec: CommandSpec = { argv: ['sh', '-c', ...argv], timeoutSeconds };
    return runInside(context, shell, spec, { doing, ...options });
  };
  const note = (): Promise<void> => recordStep(context, { id, ...target, vmid, digest, digests });
  const asked = await run([checkScript, 'pvefleet', folder, digest], askSeconds, {});
  if (asked.exitCode === 0) {
    await note();
    return { result: 'unchanged' };
  }
  const { body, args, input, stdin, secrets, totalBytes } = await scriptOf(context, step);
  const ended = await run(
    [stepScript, 'pvefleet', folder, digest, digests.join(' '), input, body, ...args],
    step.timeoutSeconds,
    {
      id,
      ...(stdin === undefined ? {} : { stdin }),
      ...(secrets === undefined ? {} : { secrets }),
      ...(totalBytes === undefined ? {} : { onSent: sending(context, id, totalBytes) }),
    },
  );
  if (ended.exitCode !== 0) throw failure(work, ended, object, vmid);
  await note();
  return { result: 'ok' };
}
