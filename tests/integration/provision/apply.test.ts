/** Provisioning from plan to proof, through consoles with real shells behind them. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/domain/plan.ts';
import { applySavedPlan } from '../../../src/engine/apply.ts';
import { PlanRefusedError } from '../../../src/engine/errors.ts';
import { verify } from '../../../src/engine/verify.ts';
import { labFleet, type ProvisionLab, provisioned, script, startLab } from '../../support/provision-lab.ts';

let lab: ProvisionLab;
beforeAll(async () => {
  lab = await startLab();
}, 30_000);
afterAll(() => lab.close());

/** Ids of the steps inside. */
const inside = (plan: Plan): string[] =>
  plan.actions.filter((action) => action.inside).map(({ id, reason }) => `${id} (${reason})`);

describe.concurrent('steps', { timeout: 60_000 }, () => {
  it('run in order after the first start, and not again', async () => {
    const file = labFleet(provisioned('first', [script('echo one >>log'), script('echo two >>log')]));
    const plan = await lab.plan(file);
    expect(plan.actions.map(({ id }) => id)).toEqual([
      'first/create',
      'first/start',
      'first/provision:1',
      'first/provision:2',
    ]);
    const report = await lab.apply(file);
    expect(report.actions.map(({ result }) => result)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(lab.read('first', 'log')).toBe('one\ntwo\n');
    expect(lab.record('first')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{8}$/);
    expect(lab.markers('first')).toEqual(lab.record('first')?.split('.').sort());

    const again = await lab.plan(file);
    expect([again.actions, again.inSync]).toEqual([[], ['first']]);
    expect((await verify(lab.start().context, file)).converged).toBe(true);
  });

  it('run alone when they change, and are told by verify until then', async () => {
    const steps = [script('echo a >>log'), script('echo b >>log'), script('echo c >>log')];
    await lab.apply(labFleet(provisioned('changing', steps)));
    const file = labFleet(provisioned('changing', steps.with(1, script('echo B >>log'))));
    const { findings } = await verify(lab.start().context, file);
    expect(findings).toMatchObject([
      {
        key: 'changing',
        field: 'provision.2',
        expected: 'run echo B >>log',
        actual: 'run before it changed',
      },
    ]);
    expect(inside(await lab.plan(file))).toEqual(['changing/provision:2 (changed in the file)']);
    await lab.apply(file);
    expect(lab.read('changing', 'log')).toBe('a\nb\nc\nB\n');
    // back to what it was: that was run, but another one since
    const back = labFleet(provisioned('changing', steps));
    expect(inside(await lab.plan(back))).toEqual(['changing/provision:2 (changed in the file)']);
    await lab.apply(back);
    expect(lab.read('changing', 'log')).toBe('a\nb\nc\nB\nb\n');
  });

  it('are not run where the container remembers them, whatever the line says', async () => {
    const file = labFleet(provisioned('remembering', [script('echo once >>log')]));
    await lab.apply(file);
    const found = Object.values(lab.server.simulator.state.containers).find(
      ({ config }) => config['hostname'] === 'remembering',
    );
    if (found)
      found.config['description'] = (found.config['description'] ?? '').replace(/ provision=\S+/, '');
    const report = await lab.apply(file);
    expect(report.actions).toMatchObject([{ id: 'remembering/provision:1', result: 'unchanged' }]);
    expect(lab.read('remembering', 'log')).toBe('once\n');
    expect(lab.record('remembering')).toMatch(/^[0-9a-f]{8}$/);
  });

  it('stop at one that fails, with its last lines, and go on there', async () => {
    const good = script('echo good >>log');
    const bad = script('echo "it is $((6 * 7))"; echo really >&2; exit 3');
    const report = await lab.apply(labFleet(provisioned('failing', [good, bad, script('echo last >>log')])));
    const [, , , failed, skipped] = report.actions;
    expect(failed).toMatchObject({ id: 'failing/provision:2', result: 'failed' });
    expect(failed?.log).toEqual(expect.arrayContaining(['it is 42', 'really']));
    expect(failed?.error).toMatchObject({ code: 'STEP_FAILED' });
    expect(failed?.error?.message).toContain('step 2 of 3');
    expect(failed?.error?.message).toContain('exit code 3');
    expect(skipped).toMatchObject({ id: 'failing/provision:3', result: 'skipped' });
    expect(lab.read('failing', 'log')).toBe('good\n');

    const mended = labFleet(
      provisioned('failing', [good, script('echo mended >>log'), script('echo last >>log')]),
    );
    expect(inside(await lab.plan(mended))).toEqual([
      'failing/provision:2 (new in the file)',
      'failing/provision:3 (new in the file)',
    ]);
    await lab.apply(mended);
    expect(lab.read('failing', 'log')).toBe('good\nmended\nlast\n');
  });

  it('end when their time is over', async () => {
    const report = await lab.apply(
      labFleet(provisioned('slow', [script('sleep 60', { timeoutSeconds: 1 })])),
    );
    expect(report.actions.at(-1)).toMatchObject({ result: 'failed' });
    expect(report.actions.at(-1)?.error?.message).toContain('ended after 1 s');
  });

  it('get secrets that nobody sees', async () => {
    const env = { TOKEN: { $secret: 'env:TOKEN' }, PLAIN: 'seen by all' };
    const step = script('echo "with $TOKEN and $PLAIN"; printf %s "$TOKEN" >token', { env });
    const run = lab.start();
    const file = labFleet(provisioned('secretive', [step]));
    const plan = await lab.plan(file, run);
    const report = await lab.apply(file, run);
    expect(lab.read('secretive', 'token')).toBe('secret-TOKEN');
    const lines = run.events.flatMap((event) => (event.type === 'task.log' ? [event.line] : []));
    expect(lines).toContain('with ******** and seen by all');
    expect(JSON.stringify([plan, report, run.events])).not.toContain('secret-TOKEN');
  });

  it('copy files and folders, again when they change', async () => {
    const from = join(lab.folder, 'site');
    const to = join(lab.folder, 'inside');
    mkdirSync(join(from, 'css'), { recursive: true });
    writeFileSync(join(from, 'index.html'), '<h1>hello</h1>');
    writeFileSync(join(from, 'css/large.css'), 'x'.repeat(300_000));
    const copy = {
      kind: 'copy',
      from: './site',
      location: from,
      to,
      mode: '0640',
      timeoutSeconds: 60,
    } as const;
    const file = labFleet(provisioned('copying', [copy]));
    await lab.apply(file);
    expect(readFileSync(join(to, 'css/large.css'), 'utf8')).toBe('x'.repeat(300_000));
    expect((await lab.plan(file)).actions).toEqual([]);
    writeFileSync(join(from, 'index.html'), '<h1>changed</h1>');
    expect(inside(await lab.plan(file))).toEqual(['copying/provision:1 (changed in the file)']);
    const saved = await lab.plan(file);
    writeFileSync(join(from, 'index.html'), '<h1>changed once more</h1>');
    const run = lab.start();
    const refused = await applySavedPlan(run.context, saved).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PlanRefusedError);
    expect(String(refused)).toContain('has changed');
    await lab.apply(file);
    expect(readFileSync(join(to, 'index.html'), 'utf8')).toBe('<h1>changed once more</h1>');
    rmSync(from, { recursive: true });
    expect((await lab.plan(file)).refusals).toMatchObject([
      { code: 'PROVISION_FILE', message: expect.stringContaining('there is no such file') },
    ]);
  });

  it('go on inside when nobody waits any more, and the next apply finds their end', async () => {
    const long = script('echo began >>log; echo began; sleep 3; echo ended >>log');
    const steps = [long, script('echo second >>log')];
    const file = labFleet(provisioned('left', steps));
    const run = lab.start({
      onEvent: (event) => {
        if (event.type !== 'task.log' || event.id !== 'left/provision:1') return;
        run.drain.abort();
        run.detach.abort();
      },
    });
    const report = await lab.apply(file, run);
    expect(report.interrupted).toBe(true);
    expect(report.actions.slice(-2).map(({ result }) => result)).toEqual(['indeterminate', 'skipped']);
    expect(lab.read('left', 'log')).toBe('began\n');
    const next = await lab.apply(file);
    expect(next.actions.map(({ id, result }) => [id, result])).toEqual([
      ['left/provision:1', expect.stringMatching(/^(ok|unchanged)$/)],
      ['left/provision:2', 'ok'],
    ]);
    expect(lab.read('left', 'log')).toBe('began\nended\nsecond\n');
    expect((await lab.plan(file)).actions).toEqual([]);
  });

  it('converge after an interruption between two of them', async () => {
    const file = labFleet(provisioned('drained', [script('echo 1 >>log'), script('echo 2 >>log')]));
    const run = lab.start({
      onEvent: (event) => {
        if (event.type === 'action.done' && event.id === 'drained/provision:1') run.drain.abort();
      },
    });
    const report = await lab.apply(file, run);
    expect(report.actions.slice(-2).map(({ result }) => result)).toEqual(['ok', 'skipped']);
    expect(inside(await lab.plan(file))).toEqual(['drained/provision:2 (new in the file)']);
    await lab.apply(file);
    expect(lab.read('drained', 'log')).toBe('1\n2\n');
  });
});

describe('a step', { timeout: 60_000 }, () => {
  it('survives a connection that breaks again and again, and runs once', async () => {
    const lines = 'echo began >>log; for n in 1 2 3 4 5 6; do echo $n; sleep 0.5; done; echo ended >>log';
    let cuts = 0;
    const run = lab.start({
      onEvent: (event) => {
        if (event.type === 'task.log' && /^[135]$/.test(event.line)) {
          cuts += 1;
          lab.line.cut();
        }
      },
    });
    const report = await lab.apply(labFleet(provisioned('cut', [script(lines)])), run);
    expect(cuts).toBe(3);
    expect(report.actions.at(-1)).toMatchObject({ id: 'cut/provision:1', result: 'ok' });
    expect(lab.read('cut', 'log')).toBe('began\nended\n');
  });
});
