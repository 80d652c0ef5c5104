/** Writes a config of which only limits, tags and our line differ, in one call where the server takes it in one. */
import { encodeLxcConfig, type LxcConfig } from '../../codec/lxc-config.ts';
import type { ActualContainer } from '../actual.ts';
import { type Difference, diff } from '../diff.ts';
import type { FieldChange } from '../plan.ts';
import { type PlannedChanges, planChanges } from '../plan-changes.ts';

/** What is written, and why. */
export interface Writing {
  /** The whole config as it should be. */
  readonly config: LxcConfig;
  readonly reason: string;
  /** What the line and the tags tell that no field of the config does; those that are undefined do not count. */
  readonly marks: readonly (FieldChange | undefined)[];
}

/**
 * Plans the calls.
 *
 * @param container - as it is.
 * @param key - name in the plan.
 * @param writing - what it should be.
 * @returns actions; none where nothing differs.
 */
export function writeConfig(
  container: ActualContainer,
  key: string,
  { config, reason, marks }: Writing,
): PlannedChanges {
  const [before, after] = [container.next, config].map(encodeLxcConfig);
  const keys = ['description', 'tags'].filter((name) => before?.[name] !== after?.[name]);
  const told = marks.filter((mark) => mark !== undefined && keys.length > 0);
  const marked = told.map((change): Difference => ({ change: change as FieldChange, keys }));
  const { live, status } = container;
  return planChanges({
    key,
    // what waits for other reasons stays as it is and is not announced
    actual: { ...container, pending: [] },
    config,
    differences: [...marked, ...diff(container.next, config, { live, isStopped: status === 'stopped' })],
    reason: () => reason,
    mayRestart: false,
    willStop: false,
  });
}
