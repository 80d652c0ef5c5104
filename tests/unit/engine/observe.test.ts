import { describe, expect, test } from 'vitest';
import { PveConnectionError } from '../../../src/api/errors/connection-error.ts';
import { PveNotFoundError } from '../../../src/api/errors/not-found-error.ts';
import { PvePermissionError } from '../../../src/api/errors/permission-error.ts';
import { observe } from '../../../src/engine/observe.ts';
import { desired, fleetOf } from '../../support/builders.ts';
import { type Answer, fake, pendingRows } from './fake-pve.ts';

const request = { method: 'GET', path: '/x', doing: 'read it' } as const;
const pending = 'GET /nodes/{node}/lxc/{vmid}/pending';
const resources = 'GET /cluster/resources';
const live = 'GET /nodes/{node}/lxc';
const node = (name: string, status = 'online') => ({ id: `node/${name}`, type: 'node', node: name, status });
const ct = (vmid: number, on = 'pve1') => ({
  id: `lxc/${vmid}`,
  type: 'lxc',
  vmid,
  node: on,
  status: 'running',
  name: `ct${vmid}`,
});
const throwing = (error: Error) => (): never => {
  throw error;
};

async function all(answers: Readonly<Record<string, Answer>>) {
  const scripted = fake({ answers: { [live]: () => [], ...answers } });
  return { scripted, snapshot: await observe(scripted.context, { all: true }) };
}

describe('observe', () => {
  test('follows a container that moved between the two reads', async () => {
    const { snapshot } = await all({
      [resources]: (_, call) => [node('pve1'), node('pve2'), ct(100, call === 1 ? 'pve1' : 'pve2')],
      [pending]: (params) =>
        params['node'] === 'pve2'
          ? pendingRows({ hostname: 'moved' })
          : throwing(
              new PveNotFoundError({ request, reason: 'does not exist', what: 'container', status: 500 }),
            )(),
    });
    expect(snapshot.containers.get(100)).toMatchObject({ node: 'pve2', live: { hostname: 'moved' } });
    expect(snapshot.guests).toMatchObject([{ vmid: 100, node: 'pve2' }]);
  });

  test.each([
    [
      'refused to this account',
      new PvePermissionError({ request, reason: 'Permission check failed', status: 403 }),
    ],
    [
      'on a node that just went down',
      new PveConnectionError({ request, reason: 'No route', sent: 'no', errno: '595', status: 595 }),
    ],
  ])('a container that is %s is listed, not read, and told', async (_, error) => {
    const { snapshot, scripted } = await all({
      [resources]: () => [node('pve1'), ct(100)],
      [pending]: throwing(error),
    });
    expect(snapshot.guests).toHaveLength(1);
    expect(snapshot.containers.size).toBe(0);
    expect(scripted.events).toContainEqual(
      expect.objectContaining({
        type: 'notice',
        diagnostic: expect.objectContaining({ code: 'CONTAINER_UNREADABLE' }),
      }),
    );
  });

  test('a config that cannot be decoded does not stop the others', async () => {
    const { snapshot } = await all({
      [resources]: () => [node('pve1'), ct(100), ct(101)],
      [pending]: (params) => pendingRows(params['vmid'] === 100 ? { memory: 'lots' } : { memory: '512' }),
    });
    expect([...snapshot.containers.keys()]).toEqual([101]);
  });

  test('a connection that is gone altogether is an error', async () => {
    const error = new PveConnectionError({ request, reason: 'refused', sent: 'no', errno: 'ECONNREFUSED' });
    await expect(
      all({ [resources]: () => [node('pve1'), ct(100)], [pending]: throwing(error) }),
    ).rejects.toBe(error);
  });

  test('reads no more than so many containers at once', async () => {
    let running = 0;
    let most = 0;
    const scripted = fake({
      limits: { requests: 3 },
      answers: {
        [live]: () => [],
        [resources]: () => [node('pve1'), ...Array.from({ length: 20 }, (_, index) => ct(100 + index))],
        [pending]: async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return pendingRows({});
        },
      },
    });
    await observe(scripted.context, { all: true });
    expect(most).toBe(3);
  });

  const storageRow = (storage: string, content: string, status = 'available') => ({
    id: `storage/pve1/${storage}`,
    type: 'storage',
    node: 'pve1',
    storage,
    content,
    status,
    plugintype: 'dir',
    shared: 0,
  });
  const fleetAnswers = (...rows: object[]): Readonly<Record<string, Answer>> => ({
    [live]: () => [],
    [resources]: () => [node('pve1'), ...rows],
    'GET /version': () => ({ version: '9.2.11' }),
    'GET /cluster/options': () => ({ mac_prefix: 'BC:24:11', 'tag-style': { ordering: 'config' } }),
    'GET /nodes/{node}/storage': () => [
      { storage: 'local', type: 'dir', content: 'vztmpl', active: 1, shared: 0 },
      { storage: 'local-lvm', type: 'lvmthin', content: 'rootdir', active: 1, shared: 0 },
    ],
    'GET /nodes/{node}/storage/{storage}/content': () => [],
    'GET /nodes/{node}/aplinfo': () => [
      {
        template: 'debian-13-standard_13.1-2_amd64.tar.zst',
        package: 'debian-13-standard',
        version: '13.1-2',
        os: 'debian-13',
        section: 'system',
      },
    ],
  });

  test('asks a node for its storages only when the list of resources does not tell enough', async () => {
    const enough = fake({
      answers: fleetAnswers(storageRow('local', 'vztmpl'), storageRow('local-lvm', 'rootdir')),
    });
    const fleet = fleetOf([desired('a')]);
    const snapshot = await observe(enough.context, { fleet });
    expect(enough.countOf('GET /nodes/{node}/storage')).toBe(0);
    expect(snapshot).toMatchObject({
      version: '9.2.11',
      tagStyle: { caseSensitive: false, keepOrder: true },
      catalogue: [{ package: 'debian-13-standard' }],
    });

    const hidden = fake({ answers: fleetAnswers(storageRow('local', 'vztmpl')) });
    const { storages } = await observe(hidden.context, { fleet });
    expect(hidden.countOf('GET /nodes/{node}/storage')).toBe(1);
    expect(storages.map(({ storage }) => storage)).toEqual(['local', 'local-lvm']);
  });
});
