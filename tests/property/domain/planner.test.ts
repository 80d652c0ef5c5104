/** What must hold for every plan: it leads to what the file says, once, and depends on nothing but its inputs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ActualContainer, ClusterSnapshot } from '../../../src/domain/actual.ts';
import { readBack, verifyFleet } from '../../../src/domain/converge.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { planDestroy, planFleet } from '../../../src/domain/plan-fleet.ts';
import { naturalCompare } from '../../../src/util/compare.ts';
import { idsOf, policyOf } from '../../support/builders.ts';
import { fleet, largeSizes, smallSizes } from './arbitraries.ts';
import { applyTo, emptyModel, type Model, observeModel } from './model.ts';

const everything = policyOf({ allow: { destroy: true, recreate: true, restart: true }, maxDestroy: 99 });
const noRestart = policyOf({ allow: { destroy: true, recreate: true }, maxDestroy: 99 });

function applied(file: DesiredFleet, model: Model = emptyModel(), policy = everything): Model {
  applyTo(model, planFleet(file, observeModel(model), policy));
  return model;
}

const keysIn = (containers: readonly ActualContainer[]): string[] =>
  containers.map(({ ownership }) => ownership?.key ?? '').sort(naturalCompare);

/** Keys of the containers that a plan says wait for a restart, and of those that do. */
const announcedIn = ({ notices }: Plan): string[] =>
  notices
    .filter(({ code }) => code === 'RESTART_NEEDED')
    .map(({ message }) => message.slice(0, message.indexOf(':')))
    .sort(naturalCompare);
const waitingIn = ({ containers }: ClusterSnapshot): string[] =>
  keysIn([...containers.values()].filter(({ pending }) => pending.length > 0));

const macs = (model: Model): Map<string, string> => {
  const found = new Map<string, string>();
  for (const container of observeModel(model).containers.values())
    for (const net of Object.values(container.next.nets))
      found.set(`${container.ownership?.key}/${net.name}`, net.hwaddr ?? '');
  return found;
};

describe('convergence', () => {
  test('a second plan finds nothing to do, and the proof agrees', () => {
    fc.assert(
      fc.property(fleet(smallSizes), (file) => {
        const model = applied(file);
        const snapshot = observeModel(model);
        const again = planFleet(file, snapshot, everything);
        expect(idsOf(again)).toEqual([]);
        expect(again.inSync).toHaveLength(file.containers.length);
        expect(verifyFleet(file, snapshot)).toMatchObject({ converged: true, findings: [] });
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test('a changed file is reached from what an earlier one left', () => {
    fc.assert(
      fc.property(fleet(smallSizes), fleet(largeSizes), (before, after) => {
        const model = applied(before);
        const plan = planFleet(after, observeModel(model), everything);
        expect(plan.refusals).toEqual([]);
        applyTo(model, plan);
        const snapshot = observeModel(model);
        expect(idsOf(planFleet(after, snapshot, everything))).toEqual([]);
        expect(verifyFleet(after, snapshot).findings).toEqual([]);
        expect(keysIn([...snapshot.containers.values()])).toEqual(
          after.containers.map(({ key }) => key).sort(naturalCompare),
        );
      }),
      { numRuns: 60, seed: 12 },
    );
  });

  test('without restarts only what waits is left, and it is announced', () => {
    fc.assert(
      fc.property(fleet(smallSizes), fleet(largeSizes), (before, after) => {
        const asking: DesiredFleet = {
          ...after,
          containers: after.containers.map((one) => ({ ...one, restart: 'ask' })),
        };
        const model = applied(before);
        const plan = planFleet(asking, observeModel(model), noRestart);
        applyTo(model, plan);
        const snapshot = observeModel(model);
        expect(idsOf(planFleet(asking, snapshot, noRestart))).toEqual([]);
        expect(announcedIn(plan)).toEqual(waitingIn(snapshot));
        const restarted = planFleet(asking, snapshot, everything);
        expect(restarted.actions.every(({ kind }) => kind === 'container.reboot')).toBe(true);
        applyTo(model, restarted);
        expect(verifyFleet(asking, observeModel(model)).converged).toBe(true);
      }),
      { numRuns: 60, seed: 13 },
    );
  });

  test('changes that are back to what is in force leave nothing waiting', () => {
    fc.assert(
      fc.property(fleet(smallSizes), fleet(smallSizes), (before, detour) => {
        const running = (file: DesiredFleet): DesiredFleet => ({
          ...file,
          containers: file.containers.map((one) => ({ ...one, power: 'running', restart: 'never' })),
        });
        const model = applied(running(before));
        const there = planFleet(running(detour), observeModel(model), noRestart);
        fc.pre(there.refusals.length === 0);
        applyTo(model, there);
        const back = planFleet(running(before), observeModel(model), noRestart);
        fc.pre(back.refusals.length === 0);
        applyTo(model, back);
        const snapshot = observeModel(model);
        expect(idsOf(planFleet(running(before), snapshot, noRestart))).toEqual([]);
        // a mount or device that was added in the meantime cannot be taken away at once
        const { findings } = verifyFleet(running(before), snapshot);
        expect(findings.filter(({ field }) => !/^(?:mounts|devices)\./.test(field))).toEqual([]);
      }),
      { numRuns: 60, seed: 14 },
    );
  });

  test('changes pile up while nobody restarts, and the announcements stay true', () => {
    fc.assert(
      fc.property(fc.array(fleet(smallSizes), { minLength: 3, maxLength: 4 }), (files) => {
        const model = emptyModel();
        for (const file of files) {
          const running: DesiredFleet = {
            ...file,
            containers: file.containers.map((one) => ({ ...one, power: 'running', restart: 'never' })),
          };
          const plan = planFleet(running, observeModel(model), noRestart);
          fc.pre(plan.refusals.length === 0);
          applyTo(model, plan);
          const snapshot = observeModel(model);
          expect(idsOf(planFleet(running, snapshot, noRestart))).toEqual([]);
          expect(announcedIn(plan)).toEqual(waitingIn(snapshot));
        }
      }),
      { numRuns: 60, seed: 20 },
    );
  });

  test('what was planned can be read back', () => {
    fc.assert(
      fc.property(fleet(smallSizes), fleet(largeSizes), (before, after) => {
        const model = applied(before);
        const plan = planFleet(after, observeModel(model), everything);
        applyTo(model, plan);
        const { containers } = observeModel(model);
        const isGone = (key: string): boolean => !after.containers.some((one) => one.key === key);
        const unread = plan.actions.flatMap((action) => {
          const container = containers.get(action.target.vmid ?? 0);
          return container && !isGone(action.target.key) ? readBack(action, container) : [];
        });
        expect(unread).toEqual([]);
      }),
      { numRuns: 50, seed: 15 },
    );
  });

  test('a MAC address that nobody wrote stays', () => {
    fc.assert(
      fc.property(fleet(smallSizes), fleet(largeSizes), (before, after) => {
        const model = applied(before);
        const old = macs(model);
        applied(after, model);
        const now = macs(model);
        const unwritten = after.containers.flatMap(({ key, nets }) =>
          Object.entries(nets ?? {}).flatMap(([name, net]) =>
            net.mac === undefined ? [`${key}/${name}`] : [],
          ),
        );
        const kept = unwritten.filter((net) => old.has(net));
        expect(kept.map((net) => now.get(net))).toEqual(kept.map((net) => old.get(net)));
      }),
      { numRuns: 50, seed: 16 },
    );
  });

  test('destroying the fleet leaves nothing that it owns', () => {
    fc.assert(
      fc.property(fleet(smallSizes), (file) => {
        const model = applied(file);
        applyTo(model, planDestroy(file.name, observeModel(model), everything));
        expect(model.guests.size).toBe(0);
      }),
      { numRuns: 25, seed: 17 },
    );
  });
});

describe('determinism', () => {
  test('the order of inputs does not change a byte', () => {
    fc.assert(
      fc.property(
        fleet(smallSizes),
        fleet(largeSizes).chain((file) =>
          fc.tuple(
            fc.constant(file),
            fc.shuffledSubarray([...file.containers], { minLength: file.containers.length }),
          ),
        ),
        (before, [after, shuffled]) => {
          const snapshot = observeModel(applied(before));
          const turned = {
            ...snapshot,
            nodes: [...snapshot.nodes].reverse(),
            storages: [...snapshot.storages].reverse(),
            templates: [...snapshot.templates].reverse(),
            guests: [...snapshot.guests].reverse(),
            containers: new Map([...snapshot.containers].reverse()),
          };
          const plan = planFleet(after, snapshot, everything);
          const other = planFleet({ ...after, containers: shuffled }, turned, everything);
          expect(JSON.stringify(other)).toBe(JSON.stringify(plan));
        },
      ),
      { numRuns: 50, seed: 18 },
    );
  });

  test('a plan is plain JSON', () => {
    fc.assert(
      fc.property(fleet(smallSizes), (file) => {
        const plan = planFleet(file, observeModel(emptyModel()), everything);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
      { numRuns: 25, seed: 19 },
    );
  });
});
