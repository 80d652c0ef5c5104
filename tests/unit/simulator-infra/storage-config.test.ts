import { expect, test } from 'vitest';
import type { SimNode, SimStorage } from '../../../src/simulator/model/state.ts';
import { changeStorage, newStorage, storageRow } from '../../../src/simulator/model/storage-config.ts';

const node: SimNode = {
  name: 'pve1',
  status: 'online',
  ip: '10.0.0.1',
  nodeid: 1,
  maxCpu: 2,
  memoryBytes: 4e9,
  swapBytes: 0,
  rootBytes: 1e11,
  bootedAtMs: 0,
  sslFingerprint: '',
  bridges: [],
};
const make = (type: string, settings: Record<string, string>): SimStorage =>
  newStorage('s1', type, settings, node);

test.each([
  ['dir', {}, "missing value for required option 'path'"],
  ['nfs', { server: 'x' }, "missing value for required option 'export'"],
  ['lvmthin', { vgname: 'pve' }, "missing value for required option 'thinpool'"],
  ['dir', { path: '/x', vgname: 'pve' }, "unexpected property 'vgname'"],
  ['zfspool', { pool: 'rpool', shared: '1' }, "unexpected property 'shared'"],
  ['lvmthin', { vgname: 'v', thinpool: 't', content: 'iso' }, "storage does not support content type 'iso'"],
  ['dir', { path: '/x', content: 'none,iso' }, "unable to combine 'none' with other content types"],
  ['iscsi', {}, "storage type 'iscsi' is not simulated"],
])('a %s storage with %o is refused', (type, settings, text) => {
  expect(() => make(type, settings as Record<string, string>)).toThrow(text);
});

test.each([
  ['dir', { path: '/srv/x' }, { content: ['images'], shared: false, path: '/srv/x' }],
  [
    'dir',
    { path: '/srv/x', shared: '1', content: 'vztmpl,iso' },
    { content: ['vztmpl', 'iso'], shared: true },
  ],
  [
    'nfs',
    { server: 'n', export: '/e' },
    { path: '/mnt/pve/s1', shared: true, options: { server: 'n', export: '/e' } },
  ],
  [
    'lvmthin',
    { vgname: 'v', thinpool: 't', nodes: 'pve1,pve2' },
    { content: ['images', 'rootdir'], nodes: ['pve1', 'pve2'] },
  ],
  ['pbs', { server: 'b', datastore: 'd', disable: '1' }, { content: ['backup'], disabled: true }],
])('a %s storage with %o is made', (type, settings, want) => {
  expect(make(type, settings as Record<string, string>)).toMatchObject(want);
});

test.each([
  [{ path: '/y' }, [], "can't change value of fixed parameter 'path'"],
  [{}, ['path'], "unable to delete required option 'path'"],
  [{}, ['nosuch'], "no such option 'nosuch'"],
  [{ nodes: 'pve1' }, ['nodes'], "cannot set and delete property 'nodes' at the same time!"],
  [{ content: 'movies' }, [], "storage does not support content type 'movies'"],
])('a change to %o without %o is refused and changes nothing', (settings, remove, text) => {
  const storage = make('dir', { path: '/x', nodes: 'pve1' });
  const before = structuredClone(storage);
  expect(() => changeStorage(storage, settings as Record<string, string>, remove)).toThrow(text);
  expect(storage).toEqual(before);
});

test('a change sets and removes', () => {
  const storage = make('dir', { path: '/x', nodes: 'pve1', 'prune-backups': 'keep-last=1' });
  changeStorage(storage, { content: 'iso', disable: '1' }, ['nodes', 'prune-backups']);
  expect(storage).toMatchObject({ content: ['iso'], disabled: true, options: {} });
  expect(storage.nodes).toBeUndefined();
});

test('an entry is shown without its secrets, and without what is not set', () => {
  const row = storageRow(
    make('pbs', { server: 'b', datastore: 'd', username: 'u', password: 'p' }),
    'digest',
  );
  expect(row).toEqual({
    storage: 's1',
    type: 'pbs',
    server: 'b',
    datastore: 'd',
    username: 'u',
    content: 'backup',
    shared: 1,
    digest: 'digest',
  });
});
