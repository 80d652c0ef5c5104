/**
 * Several fleets in one cluster, with the same names and the same range of ids, beside containers of nobody and copies of
 * ownership lines: whatever a fleet's file says, an apply with every permission writes to its own containers only.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { PlanRefusedError } from '../../../src/engine/errors.ts';
import { makeDestroyPlan, makePlan } from '../../../src/engine/plan.ts';
import type { SimContainer } from '../../../src/simulator/model/state.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

const keys = ['web', 'db', 'cache'];
const all = policyOf({ all: true });

const step = fc.oneof(
  fc.record({
    kind: fc.constant('apply' as const),
    name: fc.constantFrom('lab', 'shop'),
    keys: fc.subarray(keys),
    memoryMiB: fc.constantFrom(256, 512),
    unprivileged: fc.constantFrom(true, true, false),
    vmid: fc.constantFrom<'auto' | number>('auto', 'auto', 205, 290),
    renamedFrom: fc.constantFrom(undefined, undefined, 'web', 'db', 'gone'),
  }),
  fc.record({ kind: fc.constant('destroy' as const), name: fc.constantFrom('lab', 'shop') }),
  fc.record({ kind: fc.constant('copy' as const), name: fc.constantFrom('lab', 'shop') }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const containersOf = (engine: TestEngine): SimContainer[] => Object.values(engine.simulator.state.containers);
const ownerOf = ({ config }: SimContainer): string | undefined =>
  splitDescription(config['description'] ?? '').ownership?.fleet;

/** Containers of nobody: one of them is called like one of the fleets, one has the tag, one the first id of the range. */
async function addForeign(engine: TestEngine): Promise<void> {
  const file = fleet(
    [
      container('web', { vmid: 200, power: 'stopped' }),
      container('other', { vmid: 290 }),
      container('plain', { vmid: 291, power: 'stopped' }),
    ],
    { name: 'nobody' },
  );
  await applyPlan(engine.context, (await makePlan(engine.context, file, all)).plan);
  for (const { vmid, config } of containersOf(engine)) {
    delete config['description'];
    if (vmid !== 291) delete config['tags'];
  }
}

/** As a clone made by hand does: the notes of an owned container, in one of nobody. */
function copyLine(engine: TestEngine, name: string): void {
  const original = containersOf(engine).find((one) => one.vmid < 290 && ownerOf(one) === name);
  const copy = engine.simulator.state.containers[291];
  if (!original || !copy) return;
  copy.config['description'] = original.config['description'] ?? '';
  copy.config['tags'] = 'pvefleet';
}

function fileOf(one: Extract<Step, { kind: 'apply' }>): DesiredFleet {
  const { name, memoryMiB, unprivileged, vmid, renamedFrom } = one;
  const compute = { cores: 1, memoryMiB, swapMiB: 0 };
  const containers = one.keys.map((key, index) =>
    container(key, {
      compute,
      unprivileged,
      ...(index === 0 ? { vmid } : {}),
      ...(index === 0 && renamedFrom !== undefined && renamedFrom !== key ? { renamedFrom } : {}),
    }),
  );
  return fleet(containers, { name, vmids: { from: 200, to: 209 } });
}

async function run(engine: TestEngine, one: Step): Promise<void> {
  if (one.kind === 'copy') return copyLine(engine, one.name);
  const { plan } =
    one.kind === 'destroy'
      ? await makeDestroyPlan(engine.context, one.name, all)
      : await makePlan(engine.context, fileOf(one), all);
  if (plan.refusals.length === 0) await applyPlan(engine.context, plan);
  else await expect(applyPlan(engine.context, plan)).rejects.toBeInstanceOf(PlanRefusedError);
}

test('a fleet never writes to what it does not own', async () => {
  let applied = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 7 }), async (steps) => {
      const engine = makeEngine();
      await addForeign(engine);
      for (const one of steps) {
        const isCopy = ({ vmid }: SimContainer): boolean => vmid === 291;
        const others = containersOf(engine)
          .filter((other) => ownerOf(other) !== one.name || (isCopy(other) && isAmbiguous(engine, other)))
          .filter((other) => one.kind !== 'copy' || !isCopy(other))
          .map((other) => structuredClone(other));
        const before = engine.simulator.journal.length;
        await run(engine, one);
        for (const other of others) expect(engine.simulator.state.containers[other.vmid]).toEqual(other);
        const written = engine.simulator.journal.slice(before).filter(({ method }) => method !== 'GET');
        for (const { path } of written)
          for (const other of others) expect(path).not.toMatch(new RegExp(`/lxc/${other.vmid}(?:/|$)`));
        applied += written.length;
      }
    }),
    { numRuns: 40, seed: 61 },
  );
  // a test in which nothing ever happens proves nothing
  expect(applied).toBeGreaterThan(100);
}, 120_000);

/** Whether another container says that it is the same one: then nobody knows which is, and both are left alone. */
function isAmbiguous(engine: TestEngine, copy: SimContainer): boolean {
  const mine = splitDescription(copy.config['description'] ?? '').ownership;
  return containersOf(engine).some((one) => {
    const { ownership } = splitDescription(one.config['description'] ?? '');
    return one.vmid !== copy.vmid && ownership?.key === mine?.key && ownership?.fleet === mine?.fleet;
  });
}
