/** Whatever happens to a roster, it happens to those whom it is about: nobody else's container, id or address changes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyFleet } from '../../../src/domain/converge.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { specDigestOf } from '../../../src/domain/ownership.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { policyOf } from '../../support/builders.ts';
import { fleetWith } from '../../unit/lab/support.ts';
import { applyTo, emptyModel, type Model, observeModel } from '../domain/model.ts';

interface Person {
  readonly login: string;
  readonly group: string;
  readonly memory: string;
}

const students = `roster: students.csv
tags: [student]
containers:
  web: { nets: { eth0: { bridge: vmbr0, mac: stable } } }
  db: { nets: { eth0: { bridge: vmbr0 } } }
groups:
  A: { nets: { eth0: { ip: { range: 10.1.1.0/26, exclude: 10.1.1.5-10.1.1.7 }, gateway: 10.1.1.1 } } }
  B: { nets: { eth0: { ip: { range: 10.1.2.0/26 }, ip6: { range: 'fd00:2::10-fd00:2::4f', prefix: 64 } } } }`;

const fleetFor = (people: readonly Person[]): DesiredFleet =>
  fleetWith(
    students,
    ['login,group,memory', ...people.map(({ login, group, memory }) => `${login},${group},${memory}`)].join(
      '\n',
    ),
  );

const person = fc.record({
  login: fc.stringMatching(/^[a-z]{1,3}[0-9]?$/),
  group: fc.constantFrom('A', 'B'),
  memory: fc.constantFrom('', '1GiB'),
});
const roster = fc.uniqueArray(person, { minLength: 1, maxLength: 7, selector: ({ login }) => login });

const all = policyOf({ allow: { destroy: true, recreate: true, restart: true }, maxDestroy: 99 });

const applied = (people: readonly Person[], model: Model): Model => {
  const plan = planFleet(fleetFor(people), observeModel(model), all);
  expect(plan.refusals).toEqual([]);
  applyTo(model, plan);
  return model;
};

/** What somebody has who looks from outside: id, addresses and MAC addresses, by key. */
const possessions = (model: Model): Map<string, unknown> =>
  new Map(
    [...observeModel(model).containers.values()].map(({ ownership, vmid, next }) => [
      ownership?.key ?? '',
      { vmid, nets: next.nets, student: ownership?.student, group: ownership?.group },
    ]),
  );

const loginOf = (key: string): string => key.replace(/^student-/, '').replace(/-(?:web|db)$/, '');
const alike = (a: Person, b: Person | undefined): boolean =>
  a.login === b?.login && a.group === b.group && a.memory === b.memory;

test('adding, removing, moving and reordering changes only those whom it is about', () => {
  fc.assert(
    fc.property(roster, roster, fc.infiniteStream(fc.boolean()), (first, second, coins) => {
      // a part of the class stays; of the rest some leave, some come, some change their group
      const kept = first.filter(() => coins.next().value === true);
      const others = second.filter(({ login }) => !kept.some((one) => one.login === login));
      const after = [...others, ...kept.toReversed()];
      const model = applied(first, emptyModel());
      const before = possessions(model);
      const digests = new Map(fleetFor(first).containers.map((one) => [one.key, specDigestOf(one)]));
      const plan = planFleet(fleetFor(after), observeModel(model), all);
      const same = new Set(
        first.filter((one) => after.some((now) => alike(one, now))).map(({ login }) => login),
      );
      expect(plan.refusals).toEqual([]);
      for (const { target } of plan.actions) expect(same).not.toContain(loginOf(target.key));
      for (const one of fleetFor(after).containers)
        if (same.has(loginOf(one.key))) expect(specDigestOf(one)).toBe(digests.get(one.key));
      applyTo(model, plan);
      const now = possessions(model);
      for (const [key, things] of before) if (same.has(loginOf(key))) expect(now.get(key)).toEqual(things);
      expect([...now.keys()].map(loginOf).toSorted()).toEqual(
        after.flatMap(({ login }) => [login, login]).toSorted(),
      );
    }),
    { numRuns: 25, seed: 51 },
  );
});

test('afterwards there is nothing to do, and no address is there twice', () => {
  fc.assert(
    fc.property(fc.array(roster, { minLength: 1, maxLength: 3 }), (rosters) => {
      const model = emptyModel();
      for (const people of rosters) {
        applied(people, model);
        const file = fleetFor(people);
        const snapshot = observeModel(model);
        expect(planFleet(file, snapshot, all).actions).toEqual([]);
        expect(verifyFleet(file, snapshot)).toMatchObject({ converged: true, findings: [] });
        const nets = [...snapshot.containers.values()].flatMap(({ next }) => Object.values(next.nets));
        for (const family of ['ip', 'ip6'] as const) {
          const used = nets.flatMap((net) => net[family] ?? []);
          expect(new Set(used).size).toBe(used.length);
        }
      }
    }),
    { numRuns: 15, seed: 52 },
  );
});

test('the order of a roster does not change a byte of the plan', () => {
  fc.assert(
    fc.property(roster, roster, (people, there) => {
      const snapshot = observeModel(applied(there, emptyModel()));
      const plan = planFleet(fleetFor(people), snapshot, all);
      expect(JSON.stringify(planFleet(fleetFor(people.toReversed()), snapshot, all))).toBe(
        JSON.stringify(plan),
      );
    }),
    { numRuns: 12, seed: 53 },
  );
});

test('a container that is made anew keeps id, address and stable MAC', () => {
  const people: Person[] = ['a', 'b', 'c'].map((login) => ({ login, group: 'A', memory: '' }));
  const model = applied(people, emptyModel());
  const before = possessions(model);
  const file = fleetFor(people);
  const other = {
    ...file,
    containers: file.containers.map((one) =>
      one.key === 'student-b-web' ? { ...one, unprivileged: false } : one,
    ),
  };
  const plan = planFleet(other, observeModel(model), all);
  expect(plan.actions.map(({ kind }) => kind)).toContain('container.destroy');
  applyTo(model, plan);
  expect(possessions(model).get('student-b-web')).toEqual(before.get('student-b-web'));
});
