/** Files and folders in and out of one container, with progress. */
import { resolve } from 'node:path';
import { type Copied, checkSource, copyIn, copyOut } from '../../console/copy.ts';
import { sizeOf } from '../../console/pack.ts';
import type { ActualContainer } from '../../domain/actual.ts';
import type { EngineContext } from '../context.ts';
import { type InsideOptions, withShell } from './with-shell.ts';

/** What is to be copied. */
export interface CopyRequest extends InsideOptions {
  readonly direction: 'in' | 'out';
  /** Paths of this machine or in the container. */
  readonly sources: readonly string[];
  readonly target: string;
}

/** The document `pvefleet.copy/1`. */
export interface CopyDocument {
  readonly format: 'pvefleet.copy/1';
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly direction: 'in' | 'out';
  readonly files: readonly Copied[];
  /** Neither files nor folders nor links. */
  readonly skipped: readonly string[];
  readonly ms: number;
}

const reportEveryMs = 1000;

/** Makes an absolute path in a container; relative ones start in root's home, as everywhere else. */
function pathThere(path: string): string {
  return path.startsWith('/') ? path : `/root/${path.replace(/^~\/?/, '')}`;
}

/**
 * Copies.
 *
 * @param context - client, clock, signals, events.
 * @param container - as it was observed just now.
 * @param request - what, where to; local paths are absolute.
 * @returns what was copied.
 * @throws CopyError, TransferError, and errors of the console.
 */
export async function copy(
  context: EngineContext,
  container: ActualContainer,
  request: CopyRequest,
): Promise<CopyDocument> {
  const { vmid, node, name = `CT${vmid}` } = container;
  const { direction } = request;
  const isIn = direction === 'in';
  const id = `${name}/copy`;
  const startedAt = context.clock.now();
  const skipped: string[] = [];
  const sources = isIn ? request.sources.map((source) => resolve(source)) : request.sources.map(pathThere);
  if (isIn) for (const source of sources) await checkSource(source);
  let total = 0;
  if (isIn) for (const source of sources) total += await sizeOf(source);
  let reportedAt = 0;
  let before = 0;
  let current = 0;
  const onProgress = (bytes: number): void => {
    if (bytes < current) before += current;
    current = bytes;
    const now = context.clock.now();
    if (now - reportedAt < reportEveryMs) return;
    reportedAt = now;
    const sum = before + current;
    if (isIn && total > 0)
      context.emit({ type: 'task.progress', id, percent: Math.min(100, (sum / total) * 100) });
    else context.emit({ type: 'task.log', id, line: `${(sum / 1_048_576).toFixed(1)} MiB` });
  };
  const options = { onProgress, onSkip: (path: string) => void skipped.push(path), interrupt: context.drain };
  context.emit({ type: 'action.start', id, kind: `container.copy-${direction}`, key: name, vmid, node });
  try {
    const files = await withShell(context, container, request, (shell) =>
      isIn
        ? copyIn(shell, sources, pathThere(request.target), options)
        : copyOut(shell, sources, request.target, options),
    );
    const ms = context.clock.now() - startedAt;
    context.emit({ type: 'action.done', id, result: 'ok', ms });
    return { format: 'pvefleet.copy/1', vmid, name, node, direction, files, skipped, ms };
  } catch (error) {
    context.emit({ type: 'action.done', id, result: 'failed', ms: context.clock.now() - startedAt });
    throw error;
  }
}
