/** What happens to `templates.lock`, as text. */
import type { LockMove } from '../domain/lock-templates.ts';
import type { LockDocument } from '../engine/template-lock.ts';
import type { Style } from './style.ts';
import { counted } from './values.ts';

function moveLines({ name, from, to, storages }: LockMove, style: Style): string[] {
  const sign = from ? style.yellow('~') : style.green('+');
  const isSameFile = from?.file === to.file;
  const what = !from
    ? to.file
    : isSameFile
      ? `${to.file} ${style.dim(from.sha512 === undefined ? '(checksum now known)' : '(other checksum or source)')}`
      : `${from.file} ${style.glyph.arrow} ${to.file}`;
  const where = storages.map(
    ({ node, storage, stored }) => `${storage} on ${node}${stored ? ' (there already)' : ''}`,
  );
  const indent = ' '.repeat(name.length + 6);
  return [
    `  ${sign} ${style.bold(name)}  ${what}`,
    ...(to.source === 'catalogue' ? [] : [`${indent}${style.dim(`from ${to.source}`)}`]),
    ...(where.length === 0 ? [] : [`${indent}${style.dim(`for new containers: ${where.join(', ')}`)}`]),
  ];
}

/**
 * Renders what moves.
 *
 * @param document - moves, and whether they were written.
 * @param style - palette.
 * @returns text that ends with a newline.
 */
export function renderLock(document: LockDocument, style: Style): string {
  const { moves, kept, lock, written } = document;
  if (moves.length === 0) return `Nothing to do: ${lock} has ${counted(kept.length, 'template')} pinned.\n`;
  const done = written ? `Wrote ${lock}` : 'Not written yet (--yes writes it)';
  const lines = moves.flatMap((move) => moveLines(move, style));
  return `${[...lines, '', `${done}: ${moves.length} moved, ${kept.length} as before.`].join('\n')}\n`;
}
