/** Lifting what containers share into the defaults changes the text of a fleet file, never its meaning. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { liftDefaults } from '../../../src/spec/lift.ts';
import { toFleetFile, writeFleet } from '../../../src/spec/write.ts';
import { load } from '../../unit/spec/support.ts';
import { fleetArbitrary } from './fleet-arbitrary.ts';

const containersOf = (fleet: DesiredFleet | undefined): unknown =>
  fleet?.containers.map(({ origin: _origin, ...rest }) => rest);

it('a fleet file means the same with its defaults lifted, and is no longer', () => {
  fc.assert(
    fc.property(fleetArbitrary, fc.boolean(), (random, isAlike) => {
      // containers that differ in their names only share all there is to lift
      const [first] = random.containers;
      const alike = random.containers.map(({ key, vmid }) => ({ ...first, key, hostname: key, vmid }));
      const fleet = isAlike ? ({ ...random, containers: alike } as DesiredFleet) : random;
      const file = toFleetFile(fleet);
      const lifted = liftDefaults(file);
      const before = load(writeFleet(file));
      fc.pre(before.fleet !== undefined);
      expect(containersOf(load(writeFleet(lifted)).fleet)).toEqual(containersOf(before.fleet));
      expect(writeFleet(lifted).length).toBeLessThanOrEqual(writeFleet(file).length + 'defaults:\n'.length);
    }),
    { numRuns: 150, seed: 6 },
  );
});

it('the value that most have becomes the default, and the others keep theirs', () => {
  const lifted = liftDefaults({
    version: 1,
    fleet: 'lab',
    containers: {
      a: { vmid: 101, cores: 1, onboot: true, rootfs: { storage: 'x', size: '4GiB' } },
      b: { vmid: 102, cores: 2, rootfs: { storage: 'x', size: '8GiB' } },
      c: { vmid: 103, cores: 2, rootfs: { storage: 'x', size: '8GiB' } },
    },
  });
  expect(lifted).toEqual({
    version: 1,
    fleet: 'lab',
    defaults: { cores: 2, rootfs: { storage: 'x' } },
    containers: {
      a: { vmid: 101, cores: 1, onboot: true, rootfs: { size: '4GiB' } },
      b: { vmid: 102, rootfs: { size: '8GiB' } },
      c: { vmid: 103, rootfs: { size: '8GiB' } },
    },
  });
});
