/** What `exec`, `cp` and `password` have in common: which containers, what is allowed, bytes to a stream. */
import type { ActualContainer } from '../domain/actual.ts';
import type { EngineContext } from '../engine/context.ts';
import type { InsideOptions } from '../engine/inside/with-shell.ts';
import { selectContainers } from '../engine/list.ts';
import type { HostWriter } from './host.ts';
import type { Options } from './options.ts';
import { policyOf } from './policy.ts';
import { onlyOne } from './selection.ts';

/**
 * Builds what is allowed inside containers.
 *
 * @param options - flags.
 */
export function insideOptions(options: Options): InsideOptions {
  return { policy: policyOf(options, false), ...(options.wait ? { wait: true } : {}) };
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
