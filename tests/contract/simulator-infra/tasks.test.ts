import { describe, expect, test } from 'vitest';
import { type Lab, makeContainer, makeLab, type Params, type Row } from './support.ts';

const path = '/nodes/pve1/tasks';

async function threeTasks(): Promise<Lab> {
  const lab = makeLab();
  await makeContainer(lab, 200);
  await lab.task('POST', '/nodes/pve1/lxc/200/status/start');
  await lab.task('POST', '/nodes/pve1/lxc/299/status/start');
  await lab.task('POST', '/nodes/pve1/lxc/200/status/stop', {}, 'operator');
  return lab;
}

test.each<[string, Params, string[], number | undefined]>([
  ['all, newest first', {}, ['vzstop', 'vzstart', 'vzstart', 'vzcreate'], 4],
  ['a page', { start: 1, limit: 2 }, ['vzstart', 'vzstart'], 4],
  ['beyond the end', { start: 9 }, [], 4],
  ['by type', { typefilter: 'vzstart' }, ['vzstart', 'vzstart'], 2],
  ['by guest', { vmid: 299 }, ['vzstart'], 1],
  ['by user', { userfilter: 'AUTOMATION' }, ['vzstop'], 1],
  ['errors only', { errors: 1 }, ['vzstart'], 1],
  ['by status', { statusfilter: 'ok,warning' }, ['vzstop', 'vzstart', 'vzcreate'], 3],
  ['running ones', { source: 'active' }, [], undefined],
  ['of the future', { since: 4e9 }, [], undefined],
])('the list: %s', async (_name, params, types, total) => {
  const lab = await threeTasks();
  const answer = await lab.call('GET', path, params);
  expect((answer.data as Row[]).map((row) => row['type'])).toEqual(types);
  expect(answer.total).toBe(total);
});

test('without Sys.Audit one sees his own tasks: a user those of his tokens, a token only its own', async () => {
  const lab = await threeTasks();
  lab.sim.state.acls = [];
  const types = async (as: string): Promise<unknown[]> =>
    ((await lab.ok('GET', path, {}, as)) as Row[]).map((row) => row['type']);
  expect(await types('operator')).toEqual(['vzstop']);
  expect(await types('auditor')).toEqual([]);
  const [stop] = (await lab.ok('GET', path)) as Row[];
  const log = `${path}/${encodeURIComponent(String(stop?.['upid']))}/log`;
  expect((await lab.call('GET', log, {}, 'operator')).status).toBe(200);
  expect(await lab.call('GET', log, {}, 'auditor')).toMatchObject({
    status: 403,
    reason: 'Permission check failed (/nodes/pve1, Sys.Audit)',
  });
});

test('running tasks come first with source=all, with the owner in one piece', async () => {
  const lab = await threeTasks();
  await lab.ok('POST', '/nodes/pve1/lxc/200/status/start');
  const rows = (await lab.ok('GET', path, { source: 'all', limit: 2 })) as Row[];
  expect(rows).toMatchObject([
    { type: 'vzstart', status: 'RUNNING', user: 'root@pam!oracle', saved: '0' },
    { type: 'vzstop', status: 'OK', user: 'automation@pve', tokenid: 'full' },
  ]);
  expect(rows[0]).not.toHaveProperty('endtime');
});

describe('the log', () => {
  test.each<[string, Params, number[]]>([
    ['from the start', { limit: 2 }, [1, 2]],
    ['a page', { start: 3, limit: 2 }, [4, 5]],
    ['beyond the end', { start: 500 }, []],
  ])('%s', async (_name, params, numbers) => {
    const lab = await threeTasks();
    const create = ((await lab.ok('GET', path)) as Row[]).at(-1);
    const rows = (await lab.ok(
      'GET',
      `${path}/${encodeURIComponent(String(create?.['upid']))}/log`,
      params,
    )) as Row[];
    expect(rows.map((row) => row['n'])).toEqual(numbers);
  });

  test('as a file it is plain text', async () => {
    const lab = await threeTasks();
    const [stop] = (await lab.ok('GET', path)) as Row[];
    const answer = await lab.call('GET', `${path}/${encodeURIComponent(String(stop?.['upid']))}/log`, {
      download: 1,
    });
    expect(answer.text).toBe('TASK OK\n');
  });
});

test('the cluster lists what runs and the newest of the finished', async () => {
  const lab = await threeTasks();
  for (let round = 0; round < 15; round++) {
    await lab.task('POST', '/nodes/pve1/lxc/299/status/start');
    await lab.task('POST', '/nodes/pve1/lxc/298/status/start');
  }
  const rows = (await lab.ok('GET', '/cluster/tasks')) as Row[];
  expect(rows.length).toBe(25);
  expect(rows.every((row) => row['saved'] === '1' && row['status'] !== undefined)).toBe(true);
});

test('a task is known on its own node alone', async () => {
  const lab = makeLab('cluster');
  const [first = '', second = ''] = Object.keys(lab.sim.state.nodes);
  const { upid } = await lab.task('POST', `/nodes/${second}/startall`);
  const log = `tasks/${encodeURIComponent(upid)}`;
  expect((await lab.call('GET', `/nodes/${second}/${log}/status`)).status).toBe(200);
  expect(await lab.call('GET', `/nodes/${first}/${log}/status`)).toMatchObject({
    status: 400,
    errors: { upid: 'no such task' },
  });
  expect((await lab.ok('GET', `/nodes/${first}/tasks`)) as Row[]).toEqual([]);
});
