/** What was done inside containers: where it begins, and how it is copied. What it means is the business of ../console. */
import type { SimContainer, SimInside } from './state.ts';

/** What is inside a container; made when somebody looks for the first time. */
export function insideOf(container: SimContainer): SimInside {
  container.inside ??= { files: {}, passwords: {}, packages: [], services: {} };
  return container.inside;
}

/** Something that keeps the inside of a container. */
type Keeper = { inside?: SimInside };

/** Gives one what another has, or nothing. */
export function copyInside(from: Keeper, to: Keeper): void {
  if (from.inside) to.inside = structuredClone(from.inside);
  else delete to.inside;
}

/**
 * What the creation puts into a container.
 *
 * @param options.password - of root.
 * @param options.keys - lines of root's authorized_keys.
 * @param options.seconds - time of it, seconds since the epoch.
 */
export function equip(
  container: SimContainer,
  options: {
    readonly password: string | undefined;
    readonly keys: string | undefined;
    readonly seconds: number;
  },
): void {
  const { password, keys, seconds } = options;
  if (password !== undefined) insideOf(container).passwords['root'] = password;
  if (keys === undefined) return;
  const { files } = insideOf(container);
  files['/root/.ssh'] = { type: 'dir', mode: 0o700, mtime: seconds };
  files['/root/.ssh/authorized_keys'] = {
    type: 'file',
    mode: 0o600,
    mtime: seconds,
    data: `${keys.trimEnd()}\n`,
  };
}
