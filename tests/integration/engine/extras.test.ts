/** HA resources and firewalls on the simulated cluster: set, changed, taken away, and found again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DesiredContainer, DesiredFirewallRule } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import { container, fleet, makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';

type Wish = Partial<DesiredContainer>;

async function apply(engine: TestEngine, wish: Wish): Promise<ApplyReport> {
  const { plan } = await makePlan(engine.context, fleet([container('web01', wish)]), policyOf({ all: true }));
  return applyPlan(engine.context, plan);
}

async function reach(engine: TestEngine, wish: Wish): Promise<string[]> {
  const report = await apply(engine, wish);
  expect(report.actions.filter(({ result }) => result !== 'ok')).toEqual([]);
  await engine.clock.advance(20_000);
  const file = fleet([container('web01', wish)]);
  expect((await makePlan(engine.again().context, file, policyOf())).plan.actions).toEqual([]);
  expect((await verify(engine.context, file)).findings).toEqual([]);
  return report.actions.map(({ id }) => id);
}

const rule = (more: Partial<DesiredFirewallRule> = {}): DesiredFirewallRule => ({
  type: 'in',
  action: 'ACCEPT',
  enable: true,
  ...more,
});
const file = (engine: TestEngine) =>
  engine.simulator.state.firewall['vms/200'] as { options: object; rules: { comment?: string }[] };
const resource = (engine: TestEngine): unknown => engine.simulator.state.haResources['ct:200'];

test('a new container is filtered before it starts and goes into HA at the end', async () => {
  const engine = makeEngine();
  const wish: Wish = {
    ha: { maxRestart: 3, comment: 'shop' },
    firewall: {
      enable: true,
      policyIn: 'REJECT',
      rules: [
        rule({ macro: 'SSH', source: '10.0.0.0/8' }),
        rule({ proto: 'tcp', dport: '80,443', enable: false }),
      ],
    },
  };
  const ids = await reach(engine, wish);
  expect(ids.slice(0, 1)).toEqual(['web01/create']);
  expect(ids.slice(-2)).toEqual(['web01/start', 'web01/ha']);
  expect(file(engine)).toMatchObject({
    options: { enable: 1, policy_in: 'REJECT' },
    rules: [
      { type: 'in', action: 'ACCEPT', macro: 'SSH', source: '10.0.0.0/8', enable: 1 },
      { type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '80,443', enable: 0 },
    ],
  });
  expect(resource(engine)).toEqual({ state: 'started', max_restart: 3, comment: 'shop' });
});

test('HA settings are changed, unset and taken away; power and HA agree', async () => {
  const engine = makeEngine();
  await reach(engine, { ha: { maxRestart: 3, comment: 'shop' } });
  expect(await reach(engine, { ha: { maxRestart: null, maxRelocate: 2, comment: null } })).toEqual([
    'web01/ha',
  ]);
  expect(resource(engine)).toEqual({ state: 'started', max_relocate: 2 });
  await reach(engine, { ha: {}, power: 'stopped' });
  expect(resource(engine)).toMatchObject({ state: 'stopped' });
  expect(engine.simulator.state.containers[200]?.runtime).toBeNull();
  expect(await reach(engine, { ha: null, power: 'running' })).toEqual(['web01/ha', 'web01/start']);
  expect(resource(engine)).toBeUndefined();
  expect(await reach(engine, {})).toEqual([]);
});

test('what the file does not manage stays', async () => {
  const engine = makeEngine();
  await reach(engine, { firewall: { enable: true, rules: [rule()] }, ha: {} });
  expect(await reach(engine, {})).toEqual([]);
  expect(await reach(engine, { firewall: { dhcp: true }, ha: { maxRestart: 2 } })).toEqual([
    'web01/firewall:options',
    'web01/ha',
  ]);
  expect(file(engine)).toMatchObject({ options: { enable: 1, dhcp: 1 }, rules: [{ action: 'ACCEPT' }] });
});

test('options are unset, and drift in the rules is repaired', async () => {
  const engine = makeEngine();
  const rules = [rule({ comment: 'a' }), rule({ comment: 'b', log: 'info' })];
  await reach(engine, { firewall: { policyOut: 'DROP', logLevelIn: 'info', rules } });
  await reach(engine, { firewall: { policyOut: null, logLevelIn: null, rules } });
  expect(file(engine).options).toEqual({});
  file(engine).rules.reverse();
  await reach(engine, { firewall: { rules } });
  expect(file(engine).rules.map(({ comment }) => comment)).toEqual(['a', 'b']);
});

test('somebody who was faster is not overwritten', async () => {
  const engine = makeEngine();
  await reach(engine, { firewall: { rules: [rule({ comment: 'a' })] } });
  const wish = fleet([container('web01', { firewall: { rules: [rule({ comment: 'b' })] } })]);
  const { plan } = await makePlan(engine.context, wish, policyOf());
  file(engine).rules.unshift({ comment: 'x', ...{ type: 'in', action: 'DROP', enable: 1 } });
  const report = await applyPlan(engine.context, plan);
  expect(report.actions).toMatchObject([{ result: 'failed' }]);
  expect(file(engine).rules.map(({ comment }) => comment)).toEqual(['x', 'a']);
});

test('any list of rules becomes any other', async () => {
  const rules = fc.array(
    fc.record({
      type: fc.constantFrom('in' as const, 'out' as const),
      action: fc.constantFrom('ACCEPT', 'DROP'),
      enable: fc.boolean(),
      comment: fc.constantFrom('a', 'b', 'c'),
    }),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(rules, rules, async (before, after) => {
      const engine = makeEngine();
      await reach(engine, { power: 'stopped', firewall: { rules: before } });
      await reach(engine, { power: 'stopped', firewall: { rules: after } });
      expect(file(engine).rules).toHaveLength(after.length);
    }),
    { numRuns: 20, seed: 5 },
  );
});
