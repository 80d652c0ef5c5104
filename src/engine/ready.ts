/** Waits until a container is ready: looks again and again, ever more seldom, until all checks hold or the time is over. */
import type { Shell } from '../console/shell.ts';
import { fileScript, portScript } from '../console/step-scripts.ts';
import type { ReadyCheck } from '../domain/desired.ts';
import type { Action, InsideWork } from '../domain/plan.ts';
import { describeCheck } from '../domain/provision.ts';
import type { EngineContext } from './context.ts';
import { InterruptedError, StepFailedError } from './failures.ts';
import type { Outcome } from './follow-task.ts';
import { readInterfaces, usableAddresses } from './interfaces.ts';
import { runInside } from './run-inside.ts';

type ReadyWork = Extract<InsideWork, { kind: 'ready' }>;

/** Waits between two looks, in milliseconds. */
const firstPauseMs = 500;
const longestPauseMs = 5_000;
const growth = 1.5;
/** Seconds that one look may take. */
const longestLook = 30;

/** Why a check does not hold yet; undefined: it does. */
type Look = () => Promise<string | undefined>;

/** Where a container is looked at. */
interface Place {
  readonly context: EngineContext;
  readonly node: string;
  readonly vmid: number;
  /** Called when the first check needs it. */
  readonly shell: () => Shell;
  readonly doing: string;
}

function inside(place: Place, argv: readonly string[], secondsLeft: () => number, fails: string): Look {
  const { context, shell, doing } = place;
  return async () => {
    const timeoutSeconds = Math.max(1, Math.min(longestLook, Math.ceil(secondsLeft())));
    const spec = { argv: ['sh', '-c', ...argv], timeoutSeconds };
    const interrupt = context.drain;
    const { exitCode, timedOut, log } = await runInside(context, shell(), spec, { doing, interrupt });
    if (exitCode === 0) return undefined;
    const last = log.at(-1);
    const how = timedOut ? `takes longer than ${timeoutSeconds} s` : fails.replace('%', String(exitCode));
    return last === undefined ? how : `${how}: ${last}`;
  };
}

function lookOf(place: Place, check: ReadyCheck, secondsLeft: () => number): Look {
  switch (check.kind) {
    case 'command':
      return inside(place, [check.command, 'sh'], secondsLeft, 'ends with %');
    case 'port':
      return inside(place, [portScript, 'sh', String(check.port)], secondsLeft, 'nobody listens');
    case 'file':
      return inside(place, [fileScript, 'sh', check.path], secondsLeft, 'is not there');
    case 'address':
      return async () => {
        const { context, node, vmid } = place;
        const interfaces = await readInterfaces(context, node, vmid);
        const found = interfaces.filter(({ name }) => name === check.interface);
        if (usableAddresses(found).length > 0) return undefined;
        return found.length === 0 ? 'there is no such interface' : 'it has none';
      };
  }
}

/**
 * Waits until a container is ready.
 *
 * @param context - client, clock, signals, events.
 * @param shell - gives the shell of the container; not called when only addresses are waited for.
 * @param action - the wait.
 * @param work - its checks.
 * @param vmid - id of the container.
 * @returns when all checks have held once, in their order.
 * @throws StepFailedError when the time is over; InterruptedError when nobody wants to wait any more.
 */
export async function awaitReady(
  context: EngineContext,
  shell: () => Shell,
  action: Action,
  work: ReadyWork,
  vmid: number,
): Promise<Outcome> {
  const { id, target } = action;
  const { key, node } = target;
  const object = `${key} (CT ${vmid})`;
  const place: Place = { context, node, vmid, shell, doing: `wait for ${object}` };
  const endsAt = context.clock.now() + work.timeoutSeconds * 1000;
  const secondsLeft = (): number => (endsAt - context.clock.now()) / 1000;
  // nothing is half done by a wait: the first interruption ends it
  const ending = AbortSignal.any([context.signal, context.drain]);
  const left = (check: ReadyCheck): InterruptedError =>
    new InterruptedError(`${object} was not ready yet when it was interrupted: ${describeCheck(check)}`);
  for (const check of work.checks) {
    const look = lookOf(place, check, secondsLeft);
    let told = '';
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * growth)) {
      if (ending.aborted) throw left(check);
      const why = await look().catch((error: unknown) => {
        throw ending.aborted ? left(check) : error;
      });
      if (why === undefined) break;
      if (ending.aborted) throw left(check);
      const line = `${describeCheck(check)}: ${why}`;
      if (line !== told) context.emit({ type: 'task.log', id, line });
      told = line;
      if (secondsLeft() <= 0)
        throw new StepFailedError(`${object} is not ready after ${work.timeoutSeconds} s: ${line}`, {
          code: 'NOT_READY',
          hint: `look inside with: pvefleet attach ${vmid}; give it more time with 'ready: { timeout: … }'`,
        });
      await context.clock.sleep(Math.min(pauseMs, Math.max(100, secondsLeft() * 1000)), ending).catch(() => {
        throw left(check);
      });
    }
  }
  return { result: 'ok' };
}
