/** One case per row and per text of the contract: what the server says, and which error it is. */
import { describe, expect, it } from 'vitest';
import { classifyResponse } from '../../../src/api/classify.ts';
import type { RequestInfo } from '../../../src/api/errors/pve-error.ts';
import type { WireResponse } from '../../../src/api/transport.ts';
import { refusal } from './fake.ts';

const request: RequestInfo = {
  method: 'PUT',
  path: '/nodes/pve1/lxc/100/config',
  doing: 'change CT 100 on pve1',
};
const digest = 'detected modified configuration - file changed by other user? Try again.';
const tokenUri =
  "Permission check failed (URI '/access/ticket' not available with API token, need proper ticket.";

describe('classifyResponse', () => {
  it.each<[string, WireResponse, object]>([
    // 401: empty body, text in the reason phrase
    [
      '401 of a bad ticket or token',
      refusal(401, 'Authentication failed!', { body: false }),
      { code: 'PVE_AUTH' },
    ],
    ['401 without credentials', refusal(401, 'No ticket', { body: false }), { code: 'PVE_AUTH' }],
    ['401 of a refused login', refusal(401, 'authentication failure'), { code: 'PVE_AUTH' }],
    [
      '401 of older versions',
      refusal(401, 'permission denied - invalid PVE ticket', { body: false }),
      { code: 'PVE_AUTH' },
    ],
    // 403
    [
      '403 with privilege and path',
      refusal(403, 'Permission check failed (/vms/100, VM.Config.Memory)'),
      { code: 'PVE_PERMISSION', privileges: ['VM.Config.Memory'], object: '/vms/100' },
    ],
    [
      '403 with alternatives',
      refusal(403, 'Permission check failed (/vms/11901, VM.Snapshot|VM.Snapshot.Rollback)'),
      { code: 'PVE_PERMISSION', privileges: ['VM.Snapshot', 'VM.Snapshot.Rollback'], object: '/vms/11901' },
    ],
    [
      '403 without path',
      refusal(403, 'Permission check failed (, Pool.Allocate)'),
      { code: 'PVE_PERMISSION', privileges: ['Pool.Allocate'], object: undefined },
    ],
    [
      '403 with a remark behind the privilege',
      refusal(403, "Permission check failed (/, Sys.Modify for modifying tag 'gold')"),
      { code: 'PVE_PERMISSION', privileges: ['Sys.Modify'], object: '/' },
    ],
    [
      '403 for root only',
      refusal(403, 'Permission check failed (mount point type bind is only allowed for root@pam)'),
      { code: 'PVE_PERMISSION', privileges: undefined, hint: expect.stringContaining('root@pam') },
    ],
    [
      '403 for tickets only, over two lines',
      refusal(403, `${tokenUri}\n)`),
      { code: 'PVE_PERMISSION', hint: expect.stringContaining('PVEFLEET_USERNAME') },
    ],
    [
      '403 without anything',
      refusal(403, 'Permission check failed'),
      { code: 'PVE_PERMISSION', privileges: undefined },
    ],
    // 400
    [
      '400 with fields',
      refusal(400, 'Parameter verification failed.', {
        errors: { memory: "type check ('integer') failed - got 'x'" },
      }),
      { code: 'PVE_PARAMETER', fields: { memory: "type check ('integer') failed - got 'x'" } },
    ],
    ['400 without fields', refusal(400, 'invalid url'), { code: 'PVE_PARAMETER', fields: {} }],
    [
      '500 with fields',
      refusal(500, 'format error', { errors: { mp: 'property is missing and it is not optional' } }),
      { code: 'PVE_PARAMETER', fields: { mp: 'property is missing and it is not optional' } },
    ],
    [
      '400 of a bridge that a change of the network needs',
      refusal(400, 'Parameter verification failed.', {
        errors: { net2: "unable to hotplug net2: bridge 'vmbr77' does not exist\n" },
      }),
      { code: 'PVE_PARAMETER', fields: { net2: "unable to hotplug net2: bridge 'vmbr77' does not exist" } },
    ],
    // Not found
    [
      'an unknown container',
      refusal(500, "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'container' },
    ],
    [
      'an unknown target container',
      refusal(500, 'could not find CT 11799'),
      { code: 'PVE_NOT_FOUND', what: 'container' },
    ],
    [
      'an unknown node',
      refusal(
        500,
        "hostname lookup 'foo' failed - failed to get address info for: foo: Name or service not known",
      ),
      { code: 'PVE_NOT_FOUND', what: 'node', hint: expect.stringContaining('short name') },
    ],
    [
      'an unknown target node',
      refusal(500, "no such cluster node 'ghost'"),
      { code: 'PVE_NOT_FOUND', what: 'node' },
    ],
    [
      'an unknown storage',
      refusal(500, "storage 'x' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'storage' },
    ],
    [
      'an unknown snapshot',
      refusal(500, "snapshot 'x' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'snapshot' },
    ],
    [
      'an unknown pool',
      refusal(500, "delete pool failed: pool 'x' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'pool' },
    ],
    [
      'an unknown bridge',
      refusal(500, "bridge 'vmbr77' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'bridge' },
    ],
    ['an unknown user', refusal(500, "no such user ('ghost@pve')"), { code: 'PVE_NOT_FOUND', what: 'user' }],
    [
      'an unknown role',
      refusal(500, "ACL update failed: role 'R' does not exist"),
      { code: 'PVE_NOT_FOUND', what: 'other' },
    ],
    [
      'an unknown task',
      refusal(400, 'Parameter verification failed.', { errors: { upid: 'no such task' } }),
      { code: 'PVE_NOT_FOUND', what: 'task' },
    ],
    [
      'an unknown template',
      refusal(400, 'Parameter verification failed.', { errors: { template: 'no such template' } }),
      { code: 'PVE_NOT_FOUND', what: 'template' },
    ],
    ['404', refusal(404, "No such tfa entry 'x'"), { code: 'PVE_NOT_FOUND', what: 'other' }],
    [
      'texts in another case are not ours',
      refusal(500, "configuration file 'nodes/pve1/lxc/999.conf' Does Not Exist"),
      { code: 'PVE_SERVER' },
    ],
    // Conflicts
    [
      'an id in use',
      refusal(500, "CT 100 already exists on node 'pve2'"),
      { code: 'PVE_CONFLICT', kind: 'exists' },
    ],
    [
      'an id that somebody took meanwhile',
      refusal(500, "unable to create CT 100 - CT 100 already exists on node 'pve2'"),
      { code: 'PVE_CONFLICT', kind: 'exists' },
    ],
    [
      'nextid of an id in use',
      refusal(400, 'Parameter verification failed.', { errors: { vmid: 'VM 218 already exists' } }),
      { code: 'PVE_CONFLICT', kind: 'exists' },
    ],
    [
      'a storage in use',
      refusal(500, "create storage failed: storage ID 'x' already defined"),
      { kind: 'exists' },
    ],
    ['a changed config', refusal(500, digest), { code: 'PVE_CONFLICT', kind: 'digest' }],
    [
      'a locked container',
      refusal(500, 'CT is locked (backup)'),
      { code: 'PVE_CONFLICT', kind: 'locked', lock: 'backup' },
    ],
    [
      'a file lock',
      refusal(500, "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout"),
      { code: 'PVE_CONFLICT', kind: 'lock-timeout' },
    ],
    [
      'a cluster lock',
      refusal(500, "cfs-lock 'storage-nfs1' error: got lock request timeout"),
      { code: 'PVE_CONFLICT', kind: 'lock-timeout' },
    ],
    [
      'a running container',
      refusal(500, 'CT 101 already running'),
      { code: 'PVE_CONFLICT', kind: 'running' },
    ],
    [
      'a running container that was to be deleted',
      refusal(500, 'unable to destroy CT 10800 - container is running'),
      { code: 'PVE_CONFLICT', kind: 'running' },
    ],
    [
      'a stopped container',
      refusal(500, 'CT 101 not running'),
      { code: 'PVE_CONFLICT', kind: 'not-running' },
    ],
    ['a stopped container, by its other name', refusal(500, 'VM 101 not running'), { kind: 'not-running' }],
    [
      'protection',
      refusal(500, "can't remove CT 10801 - protection mode enabled"),
      { code: 'PVE_CONFLICT', kind: 'protected' },
    ],
    // Quorum
    ['no quorum', refusal(500, 'cluster not ready - no quorum?'), { code: 'PVE_NO_QUORUM' }],
    [
      'no quorum while locking',
      refusal(500, "cfs-lock 'storage-x' error: no quorum!"),
      { code: 'PVE_NO_QUORUM' },
    ],
    // Gateways and the rest
    [
      '595',
      refusal(595, 'Connection refused', { body: false }),
      { code: 'PVE_CONNECTION', sent: 'no', errno: '595', status: 595 },
    ],
    [
      '596',
      refusal(596, 'Connection timed out', { body: false }),
      { code: 'PVE_CONNECTION', sent: 'maybe', errno: '596' },
    ],
    [
      '599',
      refusal(599, 'Too many redirections', { body: false }),
      { code: 'PVE_CONNECTION', sent: 'maybe' },
    ],
    [
      '501 of an unknown call',
      refusal(501, "Method 'GET /nodes/pve1/nope' not implemented"),
      { code: 'PVE_SERVER', status: 501, hint: expect.stringContaining('version') },
    ],
    [
      '501 of HTTP',
      refusal(501, "Unexpected content for method 'GET'", { body: false }),
      { code: 'PVE_SERVER' },
    ],
    ['502', refusal(502, 'Bad Gateway', { body: false }), { code: 'PVE_SERVER', status: 502 }],
    ['any other text', refusal(500, 'unable to shrink disk size'), { code: 'PVE_SERVER', status: 500 }],
    [
      'a timeout that is no lock',
      refusal(500, "'storage-x'-locked command timed out - aborting"),
      { code: 'PVE_SERVER' },
    ],
  ])('%s', (_, response, want) => {
    const error = classifyResponse(response, request);
    expect(error).toMatchObject({ exitCode: 4, status: response.status, ...want });
    expect(error.message).toMatch(/^cannot change CT 100 on pve1: \S/);
  });

  it.each<[string, Partial<WireResponse>, string]>([
    [
      'body before reason phrase, over all lines',
      refusal(500, 'first line\nsecond line'),
      'first line second line',
    ],
    ['the reason phrase when the body is null', { body: '{"data":null}', reason: 'some text' }, 'some text'],
    [
      'the reason phrase when the body is a page',
      { body: '<html>x</html>', reason: 'Bad Gateway' },
      'Bad Gateway',
    ],
    ['the reason phrase when the body is cut', { body: '{"data":nu', reason: 'some text' }, 'some text'],
    ['the status when there is nothing else', { body: '', reason: '' }, 'HTTP status 500'],
    [
      'fields instead of the general text',
      refusal(400, 'Parameter verification failed.', { errors: { a: 'one', b: 'two\n' } }),
      'a: one; b: two',
    ],
  ])('reads %s', (_, response, reason) => {
    const full = { status: 500, reason: '', headers: {}, body: '', ...response };
    expect(classifyResponse(full, request).reason).toBe(reason);
  });

  it('has everything in its JSON form', () => {
    const error = classifyResponse(refusal(403, 'Permission check failed (/vms/100, VM.Audit)'), request);
    expect(error.toJSON()).toEqual({
      format: 'pvefleet.error/1',
      code: 'PVE_PERMISSION',
      message: 'cannot change CT 100 on pve1: Permission check failed (/vms/100, VM.Audit)',
      hint: expect.stringContaining('VM.Audit on /vms/100'),
      details: {
        method: 'PUT',
        path: '/nodes/pve1/lxc/100/config',
        reason: 'Permission check failed (/vms/100, VM.Audit)',
        status: 403,
        privileges: ['VM.Audit'],
        object: '/vms/100',
      },
    });
  });
});
