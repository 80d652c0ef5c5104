/** Random places, sources, HA and firewalls against the simulated server: carried out, also after an interruption, and settled. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { container, fleet, makeEngine, policyOf } from '../../support/engine.ts';

const keys = ['a', 'b', 'c'] as const;
const flag = fc.boolean();
const rule = fc.record({
  type: fc.constantFrom('in' as const, 'out' as const),
  action: fc.constantFrom('ACCEPT', 'DROP'),
  enable: flag,
});

/** One state of a container; it may come from the template `golden`. */
const state = fc.record({
  node: fc.constantFrom('pve1', 'pve2'),
  storage: fc.constantFrom('local-lvm', 'local-zfs', 'shared'),
  data: fc.constantFrom(undefined, 'local-lvm', 'shared'),
  power: fc.constantFrom('running' as const, 'stopped' as const),
  cores: fc.integer({ min: 1, max: 3 }),
  tty: fc.integer({ min: 0, max: 3 }),
  ha: fc.constantFrom(undefined, null, {}, { maxRestart: 2 }),
  firewall: fc.option(fc.record({ enable: flag, rules: fc.array(rule, { maxLength: 3 }) }), {
    nil: undefined,
  }),
});
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;

function desired(key: string, isClone: boolean, one: State): DesiredContainer {
  const { node, storage, data, power, cores, tty, ha, firewall } = one;
  return container(key, {
    node,
    power,
    restart: 'always',
    compute: { cores, memoryMiB: 256, swapMiB: 0 },
    rootfs: { storage, sizeBytes: 4 * GiB },
    mounts: data === undefined ? {} : { '/data': { storage: data, sizeBytes: GiB } },
    options: { tty },
    ...(isClone ? { template: '', from: { clone: 'golden' } } : {}),
    ...(ha === undefined ? {} : { ha }),
    ...(firewall === undefined ? {} : { firewall }),
  });
}

const golden = container('golden', { isTemplate: true, power: 'stopped' });
const all = policyOf({ all: true });

test('whatever moves, is copied or is protected arrives, also when it is interrupted on the way', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(flag, flag, flag),
      fc.array(fc.tuple(state, state, state), { minLength: 2, maxLength: 3 }),
      fc.nat(20),
      async (clones, states, cut) => {
        const engine = makeEngine();
        const { context, clock } = engine;
        for (const [round, three] of states.entries()) {
          const file: DesiredFleet = fleet([
            golden,
            ...three.map((one, index) => desired(keys[index] as string, clones[index] ?? false, one)),
          ]);
          const first = await makePlan(context, file, all);
          expect(first.plan.refusals).toEqual([]);
          let done = 0;
          const partial = engine.again({
            onEvent: (event, { drain }) => {
              if (event.type === 'action.done' && ++done > cut) drain.abort();
            },
          });
          await applyPlan(partial.context, first.plan);
          await clock.advance(60_000);
          const { plan } = await makePlan(context, file, all);
          const report = await applyPlan(context, plan);
          const bad = report.actions.filter(
            ({ result }) => !['ok', 'warnings', 'unchanged'].includes(result),
          );
          expect(bad).toEqual([]);
          await clock.advance(60_000);
          expect((await makePlan(context, file, all)).plan.actions.map(({ id }) => `${round} ${id}`)).toEqual(
            [],
          );
          expect((await verify(context, file)).findings).toEqual([]);
        }
        expect(Object.keys(engine.simulator.state.containers)).toHaveLength(4);
      },
    ),
    { numRuns: 15, seed: 43 },
  );
}, 120_000);
