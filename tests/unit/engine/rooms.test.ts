import { describe, expect, test } from 'vitest';
import { configureAction, createAction, downloadAction } from '../../../src/domain/actions.ts';
import { readyAction } from '../../../src/domain/plan-inside.ts';
import { defaultLimits } from '../../../src/engine/context.ts';
import { percentOf } from '../../../src/engine/follow-task.ts';
import { allocatesOn, roomsOf } from '../../../src/engine/rooms.ts';

const target = { key: 'web01', vmid: 200, node: 'pve1' };

describe('allocatesOn', () => {
  test.each([
    [
      'a new root disk and mount points',
      { rootfs: 'lvm:8', mp0: 'zfs:0.5,mp=/a', mp1: 'lvm:1,mp=/b' },
      ['lvm', 'zfs'],
    ],
    [
      'volumes that are there',
      { rootfs: 'lvm:vm-200-disk-0,size=8G', mp0: 'local:200/vm-200-disk-1.raw,mp=/a' },
      [],
    ],
    ['a directory of the host', { mp0: '/srv,mp=/srv' }, []],
    ['other keys', { memory: 8, net0: 'name=eth0' }, []],
  ])('%s', (_, params, want) => {
    expect(allocatesOn(createAction(target, params, { kind: 'none' }, { reason: 'x' }))).toEqual(want);
    expect(allocatesOn(configureAction(target, 'live', params, 'd', { reason: 'x' }))).toEqual(want);
  });
});

test('what is done inside a container keeps nobody from other work', () => {
  const ready = readyAction(target, { timeoutSeconds: 60, checks: [{ kind: 'port', port: 80 }] }, []);
  expect(roomsOf(ready, defaultLimits)).toEqual([
    { name: 'inside', limit: 24 },
    { name: 'inside pve1', limit: 8 },
    { name: 'container web01 200', limit: 1 },
  ]);
});

test('an action counts against everything that it loads', () => {
  const create = createAction(target, { rootfs: 'lvm:8' }, { kind: 'none' }, { reason: 'x' });
  expect(roomsOf(create, defaultLimits)).toEqual([
    { name: 'all', limit: 8 },
    { name: 'node pve1', limit: 4, most: 8 },
    { name: 'container web01 200', limit: 1 },
    { name: 'allocate pve1 lvm', limit: 3, most: 8, slack: 4 },
  ]);
  expect(roomsOf(downloadAction('pve1', 'local', 't', { reason: 'x' }), defaultLimits)).toContainEqual({
    name: 'download pve1 local',
    limit: 1,
  });
});

test.each([
  ['32768K ........ ........ ........ ........ 25% 98.1M 1s', 25],
  ['100%', 100],
  ['  0% 5%', 5],
  ['progress 12.5% of it', 12.5],
  ['400% more', undefined],
  ['a%b', undefined],
  ['downloading http://x/a%20b', undefined],
])('percentage in %j', (line, want) => {
  expect(percentOf(line)).toBe(want);
});
