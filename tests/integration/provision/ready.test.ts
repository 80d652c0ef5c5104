/** Waiting until containers are ready, from plan to report, through consoles of the simulator's own small shell. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredContainer, ProvisionStep, ReadyCheck } from '../../../src/domain/desired.ts';
import type { ActionReport, ApplyReport } from '../../../src/engine/report.ts';
import { labFleet, type ProvisionLab, provisioned, script, startLab } from '../../support/provision-lab.ts';

let lab: ProvisionLab;
beforeAll(async () => {
  lab = await startLab({ shell: 'scripted' });
}, 30_000);
afterAll(() => lab.close());

/** A container with checks; `more` may give it something to wait for. */
const waiting = (
  key: string,
  checks: readonly ReadyCheck[],
  {
    steps = [],
    // ten of them in a second
    timeoutSeconds = 200,
    ...more
  }: Partial<DesiredContainer> & {
    readonly steps?: readonly ProvisionStep[];
    readonly timeoutSeconds?: number;
  } = {},
): DesiredContainer => provisioned(key, steps, { ready: { timeoutSeconds, checks }, ...more });
const file = (path: string): ReadyCheck => ({ kind: 'file', path });
/** A step whose work comes true some time after it has ended; 200 simulated seconds are one. */
const later = (command: string): ProvisionStep => script(`(sleep 300; ${command}) >/dev/null 2>&1 &`);
const results = ({ actions }: ApplyReport): Record<string, ActionReport['result']> =>
  Object.fromEntries(actions.map(({ id, result }) => [id, result]));
/** Puts a file into a container, as somebody who mends it would. */
function mend(key: string, path: string): void {
  const found = Object.values(lab.server.simulator.state.containers).find(
    ({ config }) => config['hostname'] === key,
  );
  if (!found?.inside) throw new Error(`nothing was done in ${key}`);
  found.inside.files[path] = { type: 'file', data: '', mode: 0o644, mtime: 0 };
}

describe('each kind of check', () => {
  const nginx: ProvisionStep[] = [
    { kind: 'packages', packages: ['nginx'], timeoutSeconds: 60 },
    { kind: 'service', service: 'nginx', state: 'running', timeoutSeconds: 60 },
  ];
  const noAddress = { nets: { eth0: { bridge: 'vmbr0', ip: 'manual' } } } as const;
  const good: readonly [key: string, container: DesiredContainer, told: string | undefined][] = [
    [
      'command',
      waiting('command-good', [{ kind: 'command', command: 'cat /tmp/up && true' }], {
        steps: [later('echo up >/tmp/up')],
      }),
      'cat /tmp/up && true: ends with 1: cat: /tmp/up: No such file or directory',
    ],
    ['port', waiting('port-good', [{ kind: 'port', port: 80 }], { steps: nginx }), undefined],
    [
      'file',
      waiting('file-good', [file('/tmp/a b')], { steps: [later(": >'/tmp/a b'")] }),
      '/tmp/a b: is not there',
    ],
    ['address', waiting('address-good', [{ kind: 'address', interface: 'eth0' }]), undefined],
    [
      'several, in their order',
      waiting(
        'all-good',
        [{ kind: 'address', interface: 'eth0' }, { kind: 'port', port: 80 }, file('/etc')],
        {
          steps: nginx,
        },
      ),
      undefined,
    ],
  ];
  const bad: readonly [name: string, container: DesiredContainer, why: string][] = [
    [
      'command',
      waiting('command-bad', [{ kind: 'command', command: 'echo not yet; exit 3' }], { timeoutSeconds: 20 }),
      'echo not yet; exit 3: ends with 3: not yet',
    ],
    [
      'command that takes too long',
      waiting('command-slow', [{ kind: 'command', command: 'echo working; sleep 2000' }], {
        timeoutSeconds: 20,
      }),
      'echo working; sleep 2000: takes longer than … s: working',
    ],
    [
      'port',
      waiting('port-bad', [{ kind: 'port', port: 81 }], { timeoutSeconds: 20, steps: nginx }),
      'port 81: nobody listens',
    ],
    ['file', waiting('file-bad', [file('/tmp/never')], { timeoutSeconds: 20 }), '/tmp/never: is not there'],
    [
      'address',
      waiting('address-bad', [{ kind: 'address', interface: 'eth0' }], { timeoutSeconds: 20, ...noAddress }),
      'address of eth0: it has none',
    ],
    [
      'address of no interface',
      waiting('address-none', [{ kind: 'address', interface: 'eth7' }], { timeoutSeconds: 20 }),
      'address of eth7: there is no such interface',
    ],
    [
      'one of several',
      waiting('some-bad', [file('/etc'), file('/tmp/never')], { timeoutSeconds: 20 }),
      '/tmp/never: is not there',
    ],
  ];
  let report: ApplyReport;
  const told = new Map<string, string[]>();
  beforeAll(async () => {
    const run = lab.start();
    report = await lab.apply(labFleet(...good.map(([, one]) => one), ...bad.map(([, one]) => one)), run);
    for (const event of run.events)
      if (event.type === 'task.log') told.set(event.id, [...(told.get(event.id) ?? []), event.line]);
  }, 60_000);
  const endOf = ({ key }: DesiredContainer): ActionReport | undefined =>
    report.actions.find(({ id }) => id === `${key}/ready`);

  it.each(good)('%s holds', (_, container, line) => {
    expect(endOf(container)).toMatchObject({ kind: 'container.ready', result: 'ok' });
    if (line !== undefined) expect(told.get(`${container.key}/ready`)).toContain(line);
  });

  it.each(bad)('%s does not hold in time, and says what is missing', (_, container, why) => {
    const end = endOf(container);
    expect(end).toMatchObject({
      result: 'failed',
      error: { code: 'NOT_READY', hint: expect.stringContaining("'ready: { timeout: … }'") },
    });
    // a look has the time that is left
    const message = end?.error?.message.replace(/longer than \d+ s/, 'longer than … s');
    expect(message).toBe(`${container.key} (CT ${end?.vmid}) is not ready after 20 s: ${why}`);
  });

  it('tells a reason once, not with every look', () => {
    const lines = told.get('file-bad/ready') ?? [];
    expect(lines).toEqual(['/tmp/never: is not there']);
  });
});

describe('those that depend on it', () => {
  it('wait for it; one that fails stops its own dependents only; the next apply waits again', async () => {
    const containers = [
      waiting('db', [file('/tmp/db')], { steps: [later(': >/tmp/db')] }),
      provisioned('web', [script('echo here')], { dependsOn: ['db'] }),
      waiting('broken', [file('/tmp/mended')], { timeoutSeconds: 20 }),
      provisioned('needs-broken', [], { dependsOn: ['broken'] }),
      provisioned('needs-that', [], { dependsOn: ['needs-broken'] }),
    ];
    const run = lab.start();
    const first = await lab.apply(labFleet(...containers), run);
    expect(results(first)).toMatchObject({
      'db/ready': 'ok',
      'web/start': 'ok',
      'web/provision:1': 'ok',
      'broken/start': 'ok',
      'broken/ready': 'failed',
      'needs-broken/create': 'ok',
      'needs-broken/start': 'skipped',
      'needs-that/start': 'skipped',
    });
    expect(first.actions.find(({ id }) => id === 'needs-broken/start')?.error?.message).toBe(
      'not tried: broken/ready did not succeed',
    );
    const order = run.events.flatMap((event) =>
      event.type === 'action.start' || event.type === 'action.done' ? [`${event.type} ${event.id}`] : [],
    );
    expect(order.indexOf('action.start web/start')).toBeGreaterThan(order.indexOf('action.done db/ready'));

    // still broken: whoever waits for it makes it be looked at again, and nothing else
    const second = await lab.plan(labFleet(...containers));
    expect(second.actions.map(({ id }) => id).sort()).toEqual([
      'broken/ready',
      'needs-broken/start',
      'needs-that/start',
    ]);
    mend('broken', '/tmp/mended');
    const third = await lab.apply(labFleet(...containers));
    expect(results(third)).toEqual({
      'broken/ready': 'ok',
      'needs-broken/start': 'ok',
      'needs-that/start': 'ok',
    });
    expect((await lab.plan(labFleet(...containers))).actions).toEqual([]);
  }, 60_000);
});

describe('an interruption', () => {
  it.each([
    ['between two looks', file('/tmp/never')],
    ['while one is going on', { kind: 'command', command: 'sleep 100000' } as const],
  ])(
    '%s ends the wait, and the next apply goes on',
    async (name, check) => {
      const key = name.startsWith('between') ? 'left' : 'left-looking';
      const containers = [
        waiting(key, [check], { timeoutSeconds: 600 }),
        provisioned(`after-${key}`, [], { dependsOn: [key] }),
      ];
      const run = lab.start({
        onEvent: (event) => {
          if (event.type === 'action.start' && event.id === `${key}/ready`)
            setTimeout(() => run.drain.abort(), 700);
        },
      });
      const startedAt = Date.now();
      const report = await lab.apply(labFleet(...containers), run);
      expect(Date.now() - startedAt).toBeLessThan(15_000);
      expect(report.interrupted).toBe(true);
      expect(report.actions.find(({ id }) => id === `${key}/ready`)).toMatchObject({
        result: 'skipped',
        error: {
          code: 'INTERRUPTED',
          message: expect.stringContaining('was not ready yet when it was interrupted'),
        },
      });
      const again = await lab.plan(labFleet(waiting(key, [file('/etc')]), ...containers.slice(1)));
      expect(again.actions.map(({ id }) => id)).toEqual([`${key}/ready`, `after-${key}/start`]);
      expect(
        results(await lab.apply(labFleet(waiting(key, [file('/etc')]), ...containers.slice(1)))),
      ).toEqual({
        [`${key}/ready`]: 'ok',
        [`after-${key}/start`]: 'ok',
      });
    },
    30_000,
  );
});
