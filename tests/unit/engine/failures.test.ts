import { expect, test } from 'vitest';
import { PveConflictError } from '../../../src/api/errors/conflict-error.ts';
import { PveNotFoundError } from '../../../src/api/errors/not-found-error.ts';
import { TaskFailedError } from '../../../src/api/errors/task-error.ts';
import { describeFailure } from '../../../src/engine/failures.ts';

const request = { method: 'PUT', path: '/nodes/pve1/lxc/100/config', doing: 'configure CT 100' } as const;

test.each([
  [
    'a lock',
    new TaskFailedError({ upid: 'U', doing: 'start CT 100', exitStatus: 'CT is locked (backup)', log: [] }),
    'pct unlock',
  ],
  [
    'a changed container',
    new PveConflictError({ request, reason: 'detected modified configuration', kind: 'digest' }),
    'new plan',
  ],
  ['a taken id', new PveConflictError({ request, reason: 'CT 100 already exists', kind: 'exists' }), 'vmid'],
  ['a container that is gone', new PveNotFoundError({ request, reason: 'gone', what: 'container' }), 'moved'],
])('%s has an instruction', (_, error, hint) => {
  expect(describeFailure(error).hint).toContain(hint);
});

test('hides secrets in unexpected errors', () => {
  expect(describeFailure(new Error('sent password=hunter2')).message).not.toContain('hunter2');
});
