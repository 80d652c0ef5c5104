/** An engine that may do everything, and random fleets cut to what the simulated cluster of `cluster` can hold. */
import type { DesiredContainer, DesiredFleet } from '../../src/domain/desired.ts';
import { makeEngine, type TestEngine } from './engine.ts';

/** Entries of a map without a member that the server refuses in some combinations. */
function without<T extends object>(
  entries: Readonly<Record<string, T>> | undefined,
  member: keyof T,
): Record<string, T> | undefined {
  return (
    entries &&
    Object.fromEntries(
      Object.entries(entries).map(([name, { ...entry }]) => {
        delete entry[member];
        return [name, entry];
      }),
    )
  );
}

/** A template that the cluster has; no pools, which it has not; no quota, which unprivileged containers cannot have. */
export function fitting(file: DesiredFleet, more: Partial<DesiredContainer> = {}): DesiredFleet {
  const containers = file.containers.map((one): DesiredContainer => {
    const { pool: _pool, nets: givenNets, mounts: givenMounts, ...rest } = one;
    const { quota: _quota, ...rootfs } = one.rootfs;
    const nets = without(givenNets, 'hostManaged');
    const mounts = without(givenMounts, 'quota');
    return {
      ...rest,
      rootfs,
      template: 'debian-12',
      ...(nets ? { nets } : {}),
      ...(mounts ? { mounts } : {}),
      ...more,
    };
  });
  return { ...file, vmids: { from: 300, to: 399 }, containers };
}

/** Features and devices are for root@pam's own ticket only. */
export function rootEngine(): TestEngine {
  const engine = makeEngine();
  const { username, password } = engine.simulator.credentials;
  return engine.again({ auth: { kind: 'ticket', username, password } });
}
