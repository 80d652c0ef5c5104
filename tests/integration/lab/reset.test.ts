/** Resets on the simulated cluster: every strategy, and what must be as before. */
import { describe, expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { makeEngine, type TestEngine } from '../../support/engine.ts';
import {
  auto,
  build,
  classOf,
  cloned,
  ct,
  damage,
  golden,
  identity,
  isDamaged,
  type planOf,
  reset,
  student,
} from '../../support/lab.ts';

const strategies = ({ plan }: Awaited<ReturnType<typeof planOf>>): string[] =>
  (plan.reset?.containers ?? []).map(({ key, strategy }) => `${key} ${strategy}`);

/** Rights and a pool that no file knows of. */
function grant(engine: TestEngine, vmid: number): void {
  const { state } = engine.simulator;
  const path = `/vms/${vmid}`;
  state.acls.push(
    { path, type: 'user', ugid: 'student@pve', roleid: 'PVEVMUser', propagate: true },
    { path, type: 'group', ugid: 'instructors', roleid: 'PVEVMAdmin', propagate: false },
  );
  state.pools['lab']?.vms.push(vmid);
}

const plain = { rootfs: { storage: 'shared', sizeBytes: GiB } };

describe.each<[string, DesiredContainer[], string]>([
  ['rollback', [student('a')], 'rollback'],
  ['rollback on ZFS', [student('a', { rootfs: { storage: 'local-zfs', sizeBytes: GiB } })], 'rollback'],
  ['rollback of a clone', [golden(), cloned('a')], 'rollback'],
  ['rebuild', [student('a', plain)], 'rebuild'],
  [
    'reclone as a linked clone',
    [golden(), cloned('a', { reset: { ...auto, strategy: 'reclone' } })],
    'reclone',
  ],
  ['reclone as a full clone', [golden(plain), cloned('a')], 'reclone'],
])('%s', (_, containers, strategy) => {
  test('undoes the damage and keeps the identity', async () => {
    const engine = makeEngine();
    const file = classOf(...containers);
    await build(engine, file);
    const { vmid } = ct(engine, 'a');
    grant(engine, vmid);
    const before = identity(engine, vmid);
    damage(engine, ct(engine, 'a'));
    const done = await reset(engine, file, { names: ['a'] });
    expect(strategies(done)).toEqual([`a ${strategy}`]);
    const after = engine.simulator.state.containers[vmid];
    expect(after && isDamaged(engine, after)).toBe(false);
    expect(identity(engine, vmid)).toEqual(before);
    const { ownership } = splitDescription(after?.config['description'] ?? '');
    expect(ownership).toMatchObject({ fleet: 'lab', key: 'a', reset: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(engine.eventsOf('retry')).toEqual([]);
  });
});
