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
class ConsoleLeftError extends PvefleetError {
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
    open: () => openConsole(context.pve, { node, vmid, signal, clock }),
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
  try {
    const snapshot = await observe(undisturbed, { vmids: [vmid] });
    const now = snapshot.containers.get(vmid);
    if (!now) throw new Error('it cannot be read');
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
  context.emit({
    type: 'notice',
    diagnostic: {
      severity: 'info',
      code: 'CONSOLE_RESTORED',
      message: `${labelOf(container)}: its cmode is what it was; the console stays a root shell until its next restart`,
    },
  });
}

/**
 * Works in a container's shell.
 *
 * @param context - client, clock, signals, events.
 * @param container - as it was observed just now.
 * @param options - what is allowed.
 * @param work - is given the shell, which is given back afterwards. With `allow.restart` it happens between a change of
 *   the console (with a restart) and the change back, which waits for the next restart; the latter is made however the
 *   work ends.
 * @returns what the work returns.
 * @throws PlanRefusedError when the console is no shell and nothing may be restarted, errors of the console, and what the
 *   work throws.
 */
export async function withShell<T>(
  context: EngineContext,
  container: ActualContainer,
  options: InsideOptions,
  work: (shell: Shell) => Promise<T>,
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
    await apply(context, plan);
    const shell = shellOf(context, container, options);
    try {
      return await work(shell);
    } finally {
      await shell.close();
    }
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    if (changesConfig) {
      await putBack(context, container).catch((error: unknown) => {
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
