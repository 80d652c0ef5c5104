/**
 * Work inside a running container: opens its console's shell for it, and where the console is none, changes that for the
 * time of the work if it is allowed.
 */
import { PveConnectionError } from '../../api/errors/connection-error.ts';
import { openConsole } from '../../console/open-console.ts';
import { createShell, type Shell } from '../../console/shell.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import type { Policy } from '../../domain/plan.ts';
import { planConsoleBack, planShellConsole } from '../../domain/plan-console.ts';
import { messageOf, PvefleetError } from '../../util/errors.ts';
import { applyPlan, assertApplied } from '../apply.ts';
import type { EngineContext } from '../context.ts';
import { PlanRefusedError } from '../errors.ts';
import { observe } from '../observe.ts';

/** How to get at the shell. */
export interface InsideOptions {
  /** `allow.restart`: change the console to a shell where it is none. */
  readonly policy: Policy;
  /** Wait while somebody else uses the console. */
  readonly wait?: boolean;
}

/** Nothing can be done inside a container that does not run. */
class NotRunningError extends PvefleetError {
  override readonly code = 'CONTAINER_NOT_RUNNING';
  override readonly exitCode = 6;
}

/** The work is done or not, but the container is not as it was before. */
export class ConsoleLeftError extends PvefleetError {
  override readonly code = 'CONSOLE_NOT_RESTORED';
  override readonly exitCode = 5;
}

function labelOf({ name, vmid }: ActualContainer): string {
  return name ?? `CT${vmid}`;
}

function shellOf(context: EngineContext, container: ActualContainer, options: InsideOptions): Shell {
  const { node, vmid } = container;
  const { clock, signal, random } = context;
  let attempt = 0;
  return createShell({
    open: () => openConsole(context.pve, { node, vmid, signal, clock, staysOpen: true }),
    mayReopen: (error) => error instanceof PveConnectionError,
    clock,
    signal,
    random,
    ...(options.wait ? { wait: true } : {}),
    onWait: (because, inMs) => {
      attempt += 1;
      context.emit({ type: 'retry', id: labelOf(container), attempt, inMs, because });
    },
  });
}

async function apply(context: EngineContext, plan: Parameters<typeof applyPlan>[1]): Promise<void> {
  if (plan.actions.length > 0 || plan.refusals.length > 0) assertApplied(await applyPlan(context, plan));
}

/** Puts the configuration back, also when the user has had enough of everything else. */
async function putBack(context: EngineContext, container: ActualContainer): Promise<void> {
  const { vmid, node, next } = container;
  const calm = new AbortController().signal;
  const undisturbed: EngineContext = { ...context, signal: calm, drain: calm };
  const say = (code: string, message: string): void =>
    context.emit({
      type: 'notice',
      diagnostic: { severity: 'info', code, message: `${labelOf(container)}: ${message}` },
    });
  if (context.drain.aborted)
    say('CONSOLE_RESTORING', 'interrupted; its cmode is being put back, please wait');
  let isShell = false;
  try {
    const snapshot = await observe(undisturbed, { vmids: [vmid] });
    const now = snapshot.containers.get(vmid);
    if (!now) throw new Error('it cannot be read');
    isShell = now.live.cmode === 'shell';
    await apply(undisturbed, planConsoleBack(now, next.cmode));
  } catch (error) {
    const how = next.cmode === undefined ? 'delete=cmode' : `cmode=${next.cmode}`;
    throw new ConsoleLeftError(
      `${labelOf(container)}: its cmode could not be put back: ${messageOf(error)}`,
      {
        hint: `put it back with: pvefleet api PUT /nodes/${node}/lxc/${vmid}/config ${how}`,
        cause: error,
      },
    );
  }
  const until = isShell ? '; the console stays a root shell until its next restart' : '';
  say('CONSOLE_RESTORED', `its cmode is what it was${until}`);
}

/**
 * Works at a container's console while it is a root shell.
 *
 * @param context - client, clock, signals, events.
 * @param container - as it was observed just now.
 * @param options - what is allowed. With `allow.restart` a console that is none is made one, with a restart, and the
 *   configuration is put back afterwards, however the work ends; that waits for the next restart.
 * @param work - what is done meanwhile.
 * @param whileChanging - put around both changes.
 * @returns what the work returns.
 * @throws PlanRefusedError when the console is no shell and nothing may be restarted, ConsoleLeftError when the work went
 *   well and the configuration could not be put back, and what the work throws.
 */
export async function withConsole<T>(
  context: EngineContext,
  container: ActualContainer,
  options: InsideOptions,
  work: () => Promise<T>,
  whileChanging: (change: () => Promise<void>) => Promise<void> = (change) => change(),
): Promise<T> {
  const label = labelOf(container);
  if (container.isTemplate) throw new NotRunningError(`${label} is a template, which never runs`);
  if (container.status !== 'running') {
    throw new NotRunningError(`${label} is not running`, {
      hint: `start it first: pvefleet start ${container.vmid}`,
    });
  }
  const plan = planShellConsole(container, options.policy);
  const [first] = plan.refusals;
  if (first) {
    throw new PlanRefusedError({
      fleet: '',
      refusals: plan.refusals,
      message: first.message,
      ...(first.hint === undefined ? {} : { hint: first.hint }),
    });
  }
  const changesConfig = plan.actions.some(({ kind }) => kind === 'container.configure');
  let failure: unknown;
  try {
    if (plan.actions.length > 0) await whileChanging(() => apply(context, plan));
    return await work();
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    if (changesConfig) {
      await whileChanging(() => putBack(context, container)).catch((error: unknown) => {
        if (failure === undefined) throw error;
        const { message, hint } = error as PvefleetError;
        const diagnostic = { severity: 'error', code: 'CONSOLE_NOT_RESTORED', message } as const;
        context.emit({
          type: 'notice',
          diagnostic: hint === undefined ? diagnostic : { ...diagnostic, hint },
        });
      });
    }
  }
}

/**
 * Works in a container's shell.
 *
 * @param context - client, clock, signals, events.
 * @param container - as it was observed just now.
 * @param options - what is allowed; see {@link withConsole}.
 * @param work - is given the shell, which is given back afterwards.
 * @returns what the work returns.
 * @throws what {@link withConsole} throws, and errors of the console.
 */
export async function withShell<T>(
  context: EngineContext,
  container: ActualContainer,
  options: InsideOptions,
  work: (shell: Shell) => Promise<T>,
): Promise<T> {
  return withConsole(context, container, options, async () => {
    const shell = shellOf(context, container, options);
    try {
      return await work(shell);
    } finally {
      await shell.close();
    }
  });
}
