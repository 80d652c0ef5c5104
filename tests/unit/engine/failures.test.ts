import { describe, expect, test } from 'vitest';
import { PveConflictError } from '../../../src/api/errors/conflict-error.ts';
import { PveConnectionError } from '../../../src/api/errors/connection-error.ts';
import { PveServerError } from '../../../src/api/errors/server-error.ts';
import { TaskFailedError } from '../../../src/api/errors/task-error.ts';
import { describeFailure, isNoQuorum, passingObstacle } from '../../../src/engine/failures.ts';

const request = { method: 'PUT', path: '/nodes/pve1/lxc/100/config', doing: 'configure CT 100' } as const;
const locked = (lock: string): PveConflictError =>
  new PveConflictError({ request, reason: `CT is locked (${lock})`, kind: 'locked', lock });
const task = (exitStatus: string): TaskFailedError =>
  new TaskFailedError({ upid: 'U', doing: 'start CT 100', exitStatus, log: [] });
const server = (reason: string): PveServerError => new PveServerError({ request, reason, status: 500 });

describe('passingObstacle', () => {
  test.each([
    ['a backup', locked('backup'), true],
    ['a snapshot', locked('snapshot'), true],
    ['a disk job', locked('disk'), true],
    ['a destruction that never ended', locked('destroyed'), false],
    ['a lock that nobody knows', locked('mystery'), false],
    [
      'a lock file',
      new PveConflictError({ request, reason: "can't lock file 'x' - got timeout", kind: 'lock-timeout' }),
      true,
    ],
    ['a storage lock inside a task', task("cfs-lock 'storage-nfs1' error: got lock request timeout"), true],
    ['a storage body that took too long', task("'storage-nfs1'-locked command timed out - aborting"), true],
    ['a locked container inside a task', task('CT is locked (fstrim)'), true],
    ['a server error with that text', server("can't lock file '/run/x' - got timeout"), true],
    ['a lack of space', task('unable to create CT 100 - no space'), false],
    [
      'a changed container',
      new PveConflictError({ request, reason: 'detected modified configuration', kind: 'digest' }),
      false,
    ],
    [
      'a lost connection',
      new PveConnectionError({ request, reason: 'got timeout', sent: 'maybe', errno: '596' }),
      false,
    ],
    ['something else', new Error('got timeout'), false],
  ])('%s', (_, error, waits) => {
    expect(passingObstacle(error) !== undefined).toBe(waits);
  });
});

test.each([
  [server('cluster not ready - no quorum?'), true],
  [task("cfs-lock 'x' error: no quorum!"), true],
  [task('no space'), false],
])('quorum: %s', (error, want) => {
  expect(isNoQuorum(error)).toBe(want);
});

describe('describeFailure', () => {
  test.each([
    ['a lock', task('CT is locked (backup)'), 'pct unlock'],
    [
      'a changed container',
      new PveConflictError({ request, reason: 'detected modified configuration', kind: 'digest' }),
      'new plan',
    ],
    [
      'a taken id',
      new PveConflictError({ request, reason: 'CT 100 already exists', kind: 'exists' }),
      'vmid',
    ],
  ])('%s has an instruction', (_, error, hint) => {
    expect(describeFailure(error).hint).toContain(hint);
  });

  test('hides secrets in unexpected errors', () => {
    expect(describeFailure(new Error('sent password=hunter2')).message).not.toContain('hunter2');
  });
});
