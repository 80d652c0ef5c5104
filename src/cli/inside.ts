/** What `exec`, `cp` and `password` have in common: which containers, what is allowed, bytes to a stream. */
import type { ActualContainer } from '../domain/actual.ts';
import { labelContainers } from '../domain/labels.ts';
import type { Policy } from '../domain/plan.ts';
import { planShellConsole } from '../domain/plan-console.ts';
import type { EngineContext } from '../engine/context.ts';
import type { InsideOptions } from '../engine/inside/with-shell.ts';
import { selectContainers } from '../engine/list.ts';
import type { HostWriter } from './host.ts';
import { policyOf } from './policy.ts';
import type { Runtime } from './runtime.ts';
import { onlyOne } from './selection.ts';

/** Containers that a restart would give a shell, and nothing else stands in the way. */
function withoutShell(containers: readonly ActualContainer[], policy: Policy): Map<ActualContainer, string> {
  const found = new Map<ActualContainer, string>();
  for (const container of containers) {
    if (container.isTemplate || container.status !== 'running') continue;
    const { refusals } = planShellConsole(container, policy);
    const [first] = refusals;
    if (first && refusals.every(({ needs }) => needs === 'restart')) found.set(container, first.message);
  }
  return found;
}

const shownNames = 8;

/** The question, with what it is about: one container with its reason, or how many of how many. */
function restartQuestion(missing: ReadonlyMap<ActualContainer, string>, total: number): string[] {
  const labels = [...labelContainers([...missing.keys()]).values()];
  const [[only, why] = []] = missing;
  if (missing.size === 1 && only && total === 1)
    return [
      why as string,
      `Restart ${labels[0]} to get one? Its cmode is ${only.next.cmode === 'shell' ? 'set already' : 'put back afterwards'}.`,
    ];
  const rest = labels.length - shownNames;
  const names = `${labels.slice(0, shownNames).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  const [has, their, them, they] =
    labels.length === 1 ? ['has', 'its', 'it', 'it is'] : ['have', 'their', 'them', 'they are'];
  return [
    `${labels.length} of ${total} containers ${has} no root shell on ${their} console: ${names}.`,
    `Restart ${them} to get one? ${their === 'its' ? 'Its' : 'Their'} cmode is put back afterwards; without it, ${they} left out.`,
  ];
}

/**
 * Builds what is allowed inside containers. Where a console is no root shell, a person on the terminal is asked for what
 * `--allow restart` would allow; `--yes` is no answer to that.
 *
 * @param runtime - flags, and the terminal.
 * @param containers - as they were observed just now.
 */
export async function offerShell(
  runtime: Pick<Runtime, 'options' | 'interactive' | 'output' | 'prompts'>,
  containers: readonly ActualContainer[],
): Promise<InsideOptions> {
  const { options, output } = runtime;
  const policy = policyOf(options, false);
  const given: InsideOptions = { policy, ...(options.wait ? { wait: true } : {}) };
  if (policy.allow.restart || !runtime.interactive || options.yes) return given;
  const missing = withoutShell(containers, policy);
  if (missing.size === 0) return given;
  const [situation = '', question = ''] = restartQuestion(missing, containers.length);
  output.tell(situation);
  const { askConfirmation } = await import('../prompts/confirm.ts');
  const isAllowed = await askConfirmation(await runtime.prompts(), question);
  return isAllowed ? { ...given, policy: { ...policy, allow: { ...policy.allow, restart: true } } } : given;
}

/**
 * Finds the one container that a name means.
 *
 * @param context - connection.
 * @param name - fleet key, hostname or vmid.
 */
export async function oneContainer(context: EngineContext, name: string): Promise<ActualContainer> {
  return onlyOne((await selectContainers(context, { names: [name] })).containers, name);
}

/** A stream that can be waited for. */
type Drainable = HostWriter & Pick<NodeJS.EventEmitter, 'once' | 'off'>;

/**
 * Writes bytes as they are, no faster than the reader takes them.
 *
 * @param stream - stdout or stderr.
 * @param bytes - output of a command.
 */
export async function writeBytes(stream: HostWriter, bytes: Uint8Array | string): Promise<void> {
  const isFree = stream.write(bytes);
  if (isFree !== false || !('once' in stream)) return;
  const drainable = stream as Drainable;
  await new Promise<void>((resolve) => {
    const events = ['drain', 'close', 'error'] as const;
    const done = (): void => {
      for (const event of events) drainable.off(event, done);
      resolve();
    };
    for (const event of events) drainable.once(event, done);
  });
}
