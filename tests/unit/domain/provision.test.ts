/** Steps and readiness in plans: what is to be run, in which order, what stands against it, what verify says. */
import { describe, expect, test } from 'vitest';
import type { ActualContainer } from '../../../src/domain/actual.ts';
import { verifyFleet } from '../../../src/domain/converge.ts';
import type { CopyStep, DesiredContainer, ProvisionStep, RunStep } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import {
  describeCheck,
  describeStep,
  dueSteps,
  recordAfter,
  stepDigests,
} from '../../../src/domain/provision.ts';
import { rightsOf } from '../../../src/domain/rights.ts';
import {
  actionOf,
  actual,
  desired,
  fleetOf,
  idsOf,
  policyOf,
  refusedBy,
  snapshotOf,
} from '../../support/builders.ts';

const run = (script: string, more: Partial<RunStep> = {}): RunStep => ({
  kind: 'run',
  script,
  timeoutSeconds: 60,
  ...more,
});
const copy = (more: Partial<CopyStep> = {}): CopyStep => ({
  kind: 'copy',
  from: './site',
  location: '/home/me/site',
  to: '/var/www',
  timeoutSeconds: 60,
  local: { sha256: 'aa', files: 2, sizeBytes: 10 },
  ...more,
});
const digestOf = (step: ProvisionStep): string => stepDigests([step])[0] ?? '';

describe('digests of steps', () => {
  test.each<[string, ProvisionStep, ProvisionStep, boolean]>([
    ['another script', run('a'), run('b'), false],
    ['another variable', run('a', { env: { A: '1' } }), run('a', { env: { A: '2' } }), false],
    [
      'another secret',
      run('a', { env: { A: { $secret: 'env:A' } } }),
      run('a', { env: { A: { $secret: 'env:B' } } }),
      false,
    ],
    ['another name', run('a'), run('a', { name: 'step' }), true],
    ['another time-out', run('a'), run('a', { timeoutSeconds: 1 }), true],
    ['another place of the copy', copy(), copy({ from: '../site', location: '/srv/site' }), true],
    [
      'another content of the copy',
      copy(),
      copy({ local: { sha256: 'bb', files: 2, sizeBytes: 10 } }),
      false,
    ],
    ['another target of the copy', copy(), copy({ to: '/srv/www' }), false],
    ['another owner', copy(), copy({ owner: 'www-data' }), false],
  ])('%s', (_, one, other, isSame) => {
    expect(digestOf(one) === digestOf(other)).toBe(isSame);
  });

  test('equal steps are told apart, and stay who they are when others come', () => {
    const [first, second] = stepDigests([run('restart'), run('restart')]);
    expect(first).not.toBe(second);
    expect(stepDigests([run('x'), run('restart'), run('y'), run('restart')])).toEqual([
      digestOf(run('x')),
      first,
      digestOf(run('y')),
      second,
    ]);
  });
});

describe('the record in the ownership line', () => {
  const [a = '', b = '', c = '', x = ''] = stepDigests([run('a'), run('b'), run('c'), run('x')]);
  test.each<[string, string | undefined, readonly string[], string, string]>([
    ['the first of three', undefined, [a, b, c], a, `${a}.-.-`],
    ['the next one', `${a}.-.-`, [a, b, c], b, `${a}.${b}.-`],
    ['a changed one', `${a}.${b}`, [a, c], c, `${a}.${c}`],
    ['one of two changed ones keeps the predecessor of the other', `${a}.${b}`, [c, x], c, `${c}.${b}`],
    ['one in front of others', `${a}.${b}`, [x, a, b], x, `${x}.${a}.${b}`],
    ['one that is gone is forgotten', `${a}.${b}`, [b, c], c, `${b}.${c}`],
  ])('%s', (_, before, digests, done, want) => {
    expect(recordAfter(before === undefined ? undefined : { provision: before }, digests, done)).toBe(want);
  });

  test.each<[string, string | undefined, string[]]>([
    ['none was run', undefined, ['1 first', '2 first', '3 first']],
    ['all were run', `${a}.${b}.${c}`, []],
    ['in another order', `${c}.${a}.${b}`, []],
    ['one was interrupted', `${a}.-.-`, ['2 new', '3 new']],
    ['one has changed', `${a}.${x}.${c}`, ['2 changed']],
    ['one has come at the end', `${a}.${b}`, ['3 new']],
  ])('%s', (_, provision, want) => {
    const due = dueSteps([run('a'), run('b'), run('c')], provision === undefined ? {} : { provision });
    expect(due.map(({ position, why }) => `${position} ${why}`)).toEqual(want);
  });
});

test.each<[ProvisionStep, string]>([
  [run('# set up\n\nsystemctl enable nginx\necho'), 'run systemctl enable nginx'],
  [run('echo', { name: 'the shop' }), 'the shop'],
  [copy(), 'copy ./site to /var/www'],
  [{ kind: 'packages', packages: ['nginx', 'curl'], timeoutSeconds: 1 }, 'packages nginx, curl'],
  [
    { kind: 'service', service: 'nginx', enabled: true, state: 'running', timeoutSeconds: 1 },
    'service nginx enabled and running',
  ],
])('%j is called %s', (step, want) => {
  expect(describeStep(step)).toBe(want);
});

test('checks are called by what they look at', () => {
  expect(
    [
      { kind: 'command', command: 'curl -f http://localhost\n' },
      { kind: 'port', port: 80 },
      { kind: 'file', path: '/run/ready' },
      { kind: 'address', interface: 'eth0' },
    ].map((check) => describeCheck(check as never)),
  ).toEqual(['curl -f http://localhost', 'port 80', '/run/ready', 'address of eth0']);
});

const steps = [run('one'), run('two')];
const all = stepDigests(steps).join('.');
const web = (more: Partial<DesiredContainer> = {}): DesiredContainer =>
  desired('web01', { vmid: 100, options: { cmode: 'shell' }, provision: steps, ...more });
const there = (
  more: { provision?: string; status?: 'running' | 'stopped'; cmode?: string } = {},
): ActualContainer => {
  const { provision, status = 'running', cmode = 'shell' } = more;
  return actual('web01', 100, {
    status,
    config: { cmode },
    owner: { node: 'pve1', ...(provision === undefined ? {} : { provision }) },
  });
};
const planOf = (
  containers: readonly DesiredContainer[],
  found: readonly ActualContainer[],
  policy: Parameters<typeof policyOf>[0] = {},
): Plan => planFleet(fleetOf(containers), snapshotOf(found), policyOf(policy));

describe('a plan', () => {
  const ready = { timeoutSeconds: 120, checks: [{ kind: 'port', port: 80 }] } as const;

  test('of a new container ends with its steps, then with its readiness', () => {
    const plan = planOf([web({ ready })], []);
    expect(idsOf(plan)).toEqual([
      'web01/create',
      'web01/start',
      'web01/provision:1',
      'web01/provision:2',
      'web01/ready',
    ]);
    const chain = plan.actions.map(({ dependsOn }) => dependsOn);
    expect(chain).toEqual([
      [],
      ['web01/create'],
      ['web01/start'],
      ['web01/provision:1'],
      ['web01/provision:2'],
    ]);
    expect(actionOf(plan, 'web01/provision:2')).toMatchObject({
      kind: 'container.provision',
      request: {
        method: 'POST',
        path: '/nodes/{node}/lxc/{vmid}/termproxy',
        params: { node: 'pve1', vmid: 100 },
      },
      inside: { kind: 'provision', position: 2, of: 2, step: { kind: 'run', script: 'two' } },
      risk: 'safe',
      reason: 'not run yet',
      changes: [{ field: 'provision.2', from: null, to: 'run two', effect: 'live' }],
    });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  test('of a container as the file says has nothing to do', () => {
    const plan = planOf([web({ ready })], [there({ provision: all })]);
    expect([plan.actions, plan.inSync]).toEqual([[], ['web01']]);
  });

  test('of a changed step has that alone, and the readiness behind it', () => {
    const file = web({ ready, provision: [run('one'), run('two and a half')] });
    const plan = planOf([file], [there({ provision: all })]);
    expect(idsOf(plan)).toEqual(['web01/provision:2', 'web01/ready']);
    expect(actionOf(plan, 'web01/provision:2').reason).toBe('changed in the file');
    expect(plan.summary).toMatchObject({ update: 1, unchanged: 0 });
  });

  test('of a new container begins without a record', () => {
    const plan = planOf([web()], [], {});
    expect(String(actionOf(plan, 'web01/create').request.params['description'])).not.toContain('provision=');
  });

  test('keeps the record when it changes other things', () => {
    const plan = planOf(
      [web({ compute: { cores: 2, memoryMiB: 512, swapMiB: 0 } })],
      [there({ provision: all })],
    );
    expect(idsOf(plan)).toEqual(['web01/configure:live']);
    const { description } = actionOf(plan, 'web01/configure:live').request.params;
    // written anew with the digest of the file
    expect(String(description)).toContain(`provision=${all}`);
  });

  test('waits for the restart that makes the console show a shell', () => {
    const found = [there({ cmode: 'tty' })];
    const refused = planOf([web()], found);
    expect(refusedBy(refused)).toEqual(['CONSOLE_NOT_SHELL']);
    expect(refused.refusals[0]).toMatchObject({
      needs: 'restart',
      hint: expect.stringContaining('--allow restart'),
    });
    const allowed = planOf([web()], found, { allow: { restart: true } });
    expect(refusedBy(allowed)).toEqual([]);
    expect(idsOf(allowed).slice(-3)).toEqual(['web01/reboot', 'web01/provision:1', 'web01/provision:2']);
    const never = planOf([web({ restart: 'never' })], found, { allow: { restart: true } });
    expect(never.refusals[0]?.needs).toBeUndefined();
  });

  test('has no steps of a container that does not run, and says so', () => {
    const plan = planOf([web({ power: 'unmanaged' })], [there({ status: 'stopped' })]);
    expect(idsOf(plan)).toEqual([]);
    expect(plan.notices).toMatchObject([
      { code: 'PROVISION_WAITS', message: expect.stringContaining('2 steps') },
    ]);
    expect(idsOf(planOf([web()], [there({ status: 'stopped' })]))).toEqual([
      'web01/start',
      'web01/provision:1',
      'web01/provision:2',
    ]);
  });

  test('is refused when a file cannot be read', () => {
    const plan = planOf(
      [web({ provision: [copy({ local: { problem: 'there is no such file' } })] })],
      [there()],
    );
    expect(refusedBy(plan)).toEqual(['PROVISION_FILE']);
  });

  test('takes a snapshot before a step where that is asked for', () => {
    const plan = planOf([web()], [there()], { snapshotFirst: true });
    expect(idsOf(plan)).toEqual([
      expect.stringContaining('snapshot:before'),
      'web01/provision:1',
      'web01/provision:2',
    ]);
  });

  test('looks at addresses without a console', () => {
    const file = desired('oci', {
      vmid: 100,
      options: { cmode: 'console' },
      ready: { timeoutSeconds: 60, checks: [{ kind: 'address', interface: 'eth0' }] },
    });
    expect(actionOf(planOf([file], []), 'oci/ready').request).toMatchObject({
      method: 'GET',
      path: '/nodes/{node}/lxc/{vmid}/interfaces',
    });
  });

  test('lets those that depend on it wait until it is ready', () => {
    const front = desired('front', { vmid: 101, dependsOn: ['web01'] });
    const both = planOf([web({ ready }), front], []);
    expect(actionOf(both, 'front/start').dependsOn).toContain('web01/ready');
    // an earlier apply may have ended before it was ready
    const later = planOf([web({ ready }), front], [there({ provision: all })]);
    expect(idsOf(later)).toEqual(expect.arrayContaining(['web01/ready', 'front/start']));
    expect(actionOf(later, 'front/start').dependsOn).toContain('web01/ready');
    expect(later.summary).toMatchObject({ create: 1, update: 0, unchanged: 1 });
    // its own steps need it as well
    const running = actual('front', 101, { config: { cmode: 'shell' }, owner: { node: 'pve1' } });
    const inner = { ...front, options: { cmode: 'shell' }, provision: [run('three')] } as const;
    const third = planOf([web({ ready }), inner], [there({ provision: all }), running]);
    expect(actionOf(third, 'front/provision:1').dependsOn).toEqual(['web01/ready']);
    // nobody needs it
    expect(idsOf(planOf([web({ ready }), front], [there({ provision: all }), running]))).toEqual([]);
  });
});

test('steps need the right to the console and to write the line', () => {
  const needs = rightsOf(planOf([web()], [there()]).actions, { containers: new Map() });
  const spelled = needs[0]?.needs.map(({ oneOf }) =>
    oneOf.map((set) => set.map(({ privilege }) => privilege)),
  );
  expect(spelled).toEqual([[['VM.Console']], [['VM.Config.Options']], [['VM.Audit']]]);
});

test('verify tells the steps that were not run', () => {
  const file = fleetOf([web({ provision: [run('one'), run('changed'), run('three')] })]);
  const { findings, converged } = verifyFleet(file, snapshotOf([there({ provision: all })]));
  expect(converged).toBe(false);
  expect(
    findings.map(({ field, state, expected, actual: found, cause }) => [
      field,
      state,
      expected,
      found,
      cause,
    ]),
  ).toEqual([
    ['provision.2', 'diverged', 'run changed', 'run before it changed', 'spec-changed'],
    ['provision.3', 'diverged', 'run three', 'not run', 'spec-changed'],
  ]);
});
