/** Operands and filters → which containers are meant. */
import type { ActualContainer } from '../domain/actual.ts';
import type { Selection, SelectionFilters } from '../engine/selection.ts';
import { UsageError } from '../util/errors.ts';
import type { Options } from './options.ts';

/**
 * Builds the selection of a command.
 *
 * @param names - operands: keys, hostnames, vmids or globs.
 * @param options - `--tag`, `--node`, `--pool`, `--fleet`.
 * @returns the selection; without any filter it has none.
 */
export function selectionOf(names: readonly string[], options: Options): Selection {
  const filters: SelectionFilters = {
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(options.node === undefined ? {} : { nodes: [options.node] }),
    ...(options.pool === undefined ? {} : { pools: [options.pool] }),
    ...(options.fleet === undefined ? {} : { fleets: [options.fleet] }),
  };
  return Object.keys(filters).length === 0 ? { names } : { names, filters };
}

/**
 * Insists on one container.
 *
 * @param containers - what a selection found.
 * @param name - what was asked for.
 * @returns the container.
 * @throws {@link UsageError} when it is none or several.
 */
export function onlyOne(containers: readonly ActualContainer[], name: string): ActualContainer {
  const [first] = containers;
  if (first && containers.length === 1) return first;
  const found = containers
    .map((container) => `${container.vmid} (${container.name ?? 'no name'})`)
    .join(', ');
  throw new UsageError(
    first ? `'${name}' means several containers: ${found}` : `there is no container '${name}'`,
    { hint: 'this command takes one; give its vmid' },
  );
}
