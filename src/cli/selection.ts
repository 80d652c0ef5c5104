/** Operands and filters → which containers are meant. */
import type { ActualContainer } from '../domain/actual.ts';
import type { Selection, SelectionFilters } from '../engine/selection.ts';
import { UsageError } from '../util/errors.ts';
import type { Options } from './options.ts';

/**
 * Builds the selection of a command.
 *
 * @param names - operands: keys, hostnames, vmids or globs.
 * @param options - `--tag`, `--node`, `--pool`, `--fleet`, `--group`.
 * @returns the selection; without any filter it has none.
 */
export function selectionOf(names: readonly string[], options: Options): Selection {
  const filters: SelectionFilters = {
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(options.node === undefined ? {} : { nodes: [options.node] }),
    ...(options.pool === undefined ? {} : { pools: [options.pool] }),
    ...(options.fleet === undefined ? {} : { fleets: [options.fleet] }),
    ...(options.group === undefined ? {} : { groups: options.group }),
  };
  return Object.keys(filters).length === 0 ? { names } : { names, filters };
}

/**
 * Insists on at least one container, so that a filter that nothing passes is not taken for work done.
 *
 * @param containers - what a selection found.
 * @param command - what is to be done with them.
 * @returns the containers.
 * @throws {@link UsageError} when there is none.
 */
export function someOf(containers: readonly ActualContainer[], command: string): readonly ActualContainer[] {
  if (containers.length > 0) return containers;
  throw new UsageError(`no container passes the filters, so there is nothing to ${command}`, {
    code: 'CONTAINER_UNKNOWN',
    hint: 'see what there is: pvefleet list',
  });
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
