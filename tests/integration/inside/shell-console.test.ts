/** A console that is no shell is made one for the time of the work, and put back however that ends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Policy } from '../../../src/domain/plan.ts';
import { copy } from '../../../src/engine/inside/copy.ts';
import { type ExecEnd, execDocument, execIn } from '../../../src/engine/inside/exec.ts';
import { withConsole } from '../../../src/engine/inside/with-shell.ts';
import { selectContainers } from '../../../src/engine/list.ts';
import { policyOf } from '../../support/engine.ts';
import { type ProvisionLab, startLab } from '../../support/provision-lab.ts';

let lab: ProvisionLab;
beforeAll(async () => {
  lab = await startLab({ shell: 'scripted' });
}, 30_000);
afterAll(() => lab.close());

const restart: Policy = policyOf({ allow: { destroy: false, recreate: false, restart: true } });
let vmid = 400;

/** A container with a login prompt, what the engine knows of it, and what was written to it since. */
async function loginContainer(
  run = lab.start(),
  isUnset = false,
): Promise<{
  readonly run: typeof run;
  readonly container: Awaited<ReturnType<typeof selectContainers>>['containers'][number];
  /** `PUT cmode=shell` and so on. */
  readonly writes: () => string[];
  readonly notices: () => string[];
}> {
  vmid += 1;
  await lab.server.addContainer(vmid, { cmode: 'tty' });
  const { config } = lab.server.simulator.state.containers[vmid] ?? {};
  if (isUnset) delete config?.['cmode'];
  const { containers } = await selectContainers(run.context, { names: [String(vmid)] });
  const before = lab.server.simulator.journal.length;
  return {
    run,
    container: containers[0] as NonNullable<(typeof containers)[0]>,
    writes: () =>
      lab.server.simulator.journal
        .slice(before)
        .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/termproxy'))
        .map(({ path, params }) =>
          `${path.split('/').at(-1)} ${params['cmode'] ?? params['delete'] ?? ''}`.trim(),
        ),
    notices: () =>
      run.events.flatMap((event) =>
        event.type === 'notice' ? [`${event.diagnostic.code} ${event.diagnostic.message}`] : [],
      ),
  };
}
const there = ['config shell', 'reboot'];
const back = 'config tty';
const exec = (given: Awaited<ReturnType<typeof loginContainer>>, command: string): Promise<ExecEnd> =>
  execIn(given.run.context, given.container, {
    policy: restart,
    spec: { argv: ['sh', '-c', command] },
    onOutput: () => undefined,
  });
/** The second write of a configuration is refused. */
async function withFailingWrites<T>(work: () => Promise<T>): Promise<T> {
  const undo = lab.server.simulator.faults.schedule([
    {
      fault: 'answer',
      status: 403,
      reason: 'Permission check failed',
      method: 'PUT',
      path: '/nodes/*/lxc/*/config',
      skip: 1,
      times: 20,
    },
  ]);
  try {
    return await work();
  } finally {
    undo();
  }
}

describe('the cmode of before', { timeout: 30_000 }, () => {
  it('is back after the work, and that is told', async () => {
    const given = await loginContainer();
    expect((await exec(given, 'exit 3')).result).toMatchObject({ exitCode: 3 });
    expect(given.writes()).toEqual([...there, back]);
    expect(given.notices()).toEqual([
      `CONSOLE_RESTORED c${vmid}: its cmode is what it was; the console stays a root shell until its next restart`,
    ]);
  });

  it('is back where there was none, which is a login prompt as well', async () => {
    const given = await loginContainer(undefined, true);
    expect((await exec(given, 'exit 3')).result).toMatchObject({ exitCode: 3 });
    expect(given.writes()).toEqual([...there, 'config cmode']);
    expect(given.notices()).toEqual([expect.stringMatching(/^CONSOLE_RESTORED /)]);
    expect(lab.server.simulator.state.containers[vmid]?.pendingDelete).toHaveProperty('cmode');
  });

  it('is back after a failure of the work', async () => {
    const given = await loginContainer();
    const copied = copy(given.run.context, given.container, {
      policy: restart,
      direction: 'out',
      sources: ['/not/there'],
      target: lab.folder,
    });
    await expect(copied).rejects.toThrow('there is no /not/there');
    expect(given.writes()).toEqual([...there, back]);
  });

  it.each([
    ['the first Ctrl-C, in the work', 'exec.start', 1],
    ['the second Ctrl-C, in the work', 'exec.start', 2],
    ['Ctrl-C between the change and the restart', 'action.done', 1],
  ])('is back after %s', async (_, type, times) => {
    let isDone = false;
    const run = lab.start({
      onEvent: (event) => {
        if (event.type !== type || isDone) return;
        isDone = true;
        run.drain.abort(new Error('enough'));
        if (times === 2) run.detach.abort(new Error('really enough'));
      },
    });
    const given = await loginContainer(run);
    const { result } = await exec(given, 'sleep 100000');
    expect(result.exitCode === 0).toBe(false);
    expect(given.writes().at(-1)).toBe(back);
    const restored = given.notices().find((line) => line.startsWith('CONSOLE_RESTORED '));
    // it tells of a root shell only where the restart has happened
    expect(restored?.includes('stays a root shell')).toBe(given.writes().includes('reboot'));
  });

  it('that cannot be put back is told, and what the work came to as well', async () => {
    const given = await loginContainer();
    const { result, failure } = await withFailingWrites(() => exec(given, 'exit 7'));
    expect(result).toMatchObject({
      exitCode: 7,
      error: {
        code: 'CONSOLE_NOT_RESTORED',
        message: expect.stringContaining(`c${vmid}: its cmode could not be put back`),
        hint: `put it back with: pvefleet api PUT /nodes/pve1/lxc/${vmid}/config cmode=tty`,
      },
    });
    expect(failure).toMatchObject({ code: 'CONSOLE_NOT_RESTORED', exitCode: 5 });
    expect(execDocument([{ ...result, exitCode: 0 }]).summary).toEqual({ ok: 0, failed: 0, error: 1 });
  });

  it('that cannot be put back after a failure is told beside the failure', async () => {
    const given = await loginContainer();
    const work = withFailingWrites(() =>
      withConsole(given.run.context, given.container, { policy: restart }, () =>
        Promise.reject(new Error('the work failed')),
      ),
    );
    await expect(work).rejects.toThrow('the work failed');
    expect(given.notices().at(-1)).toMatch(/^CONSOLE_NOT_RESTORED .*could not be put back/);
  });
});
