/** One row per error text of the contract: what it means for a run. */
import { describe, expect, test } from 'vitest';
import { classifyResponse } from '../../../src/api/classify.ts';
import { PveConnectionError } from '../../../src/api/errors/connection-error.ts';
import { TaskFailedError } from '../../../src/api/errors/task-error.ts';
import { judge, type Verdict } from '../../../src/engine/verdicts.ts';

const request = { method: 'PUT', path: '/nodes/pve1/lxc/100/config', doing: 'configure CT 100' } as const;

/** As the client hands an answer to the engine. */
const answer = (reason: string, status = 500, errors?: Record<string, string>): unknown =>
  classifyResponse(
    { status, reason, headers: {}, body: errors ? JSON.stringify({ data: null, errors }) : '' },
    request,
  );
const task = (exitStatus: string): unknown =>
  new TaskFailedError({ upid: 'U', doing: 'start CT 100', exitStatus, log: [] });

const created = 'unable to create CT 100 - ';

const texts: readonly (readonly [text: string, verdict: Verdict])[] = [
  // behaviours §1
  ['CT is locked (create)', 'wait'],
  ['CT is locked (disk)', 'wait'],
  ['CT is locked (snapshot)', 'wait'],
  ['CT is locked (snapshot-delete)', 'wait'],
  ['CT is locked (rollback)', 'wait'],
  ['CT is locked (backup)', 'wait'],
  ['CT is locked (migrate)', 'wait'],
  ['CT is locked (mounted)', 'wait'],
  ['CT is locked (fstrim)', 'wait'],
  ['CT is locked (destroyed)', 'give-up'],
  ['CT is locked (mystery)', 'give-up'],
  ["can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout", 'wait'],
  // behaviours §3
  ["CT 100 already exists on node 'pve2'", 'replan'],
  ["VM 100 already exists on node 'pve2'", 'replan'],
  [`${created}CT 100 already exists on node 'pve2'`, 'replan'],
  [`${created}volume 'local:vztmpl/x.tar.zst' does not exist`, 'replan'],
  ["unable to use volume local:iso/x.iso - content type needs to be 'vztmpl'", 'give-up'],
  ["storage 'x' does not exist", 'give-up'],
  ["storage 'x' is disabled", 'give-up'],
  ["storage 'x' is not available on node 'n'", 'give-up'],
  [`${created}not enough free space (1 < 2)`, 'give-up'],
  [`${created}lvcreate 'vg/vm-100-disk-0' error: failed`, 'give-up'],
  [`${created}zfs error: cannot create 'rpool/data/subvol-100-disk-0': out of space`, 'give-up'],
  [`${created}command 'lxc-usernsexec … tar xpf …' failed: exit code 2`, 'give-up'],
  ["bridge 'vmbr9' does not exist", 'give-up'],
  ["bridge '' does not exist", 'give-up'],
  [`${created}unable to detect OS distribution`, 'give-up'],
  // behaviours §5, §6
  ['snapshot feature is not available', 'give-up'],
  ["snapshot 'x' does not exist", 'replan'],
  ["snapshot name 'x' already used", 'replan'],
  ['Failed to obtain guest migration lock - replication running?', 'wait'],
  ["base volume 'x' is still in use by linked clones", 'give-up'],
  // behaviours §8
  ['unexpected status', 'replan'],
  ['received interrupt', 'replan'],
  // behaviours §9
  ["can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout", 'wait'],
  [`${created}can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout`, 'wait'],
  ["cfs-lock 'storage-nfs1' error: got lock request timeout", 'wait'],
  ["cfs-lock 'file-user_cfg' error: got lock request timeout", 'wait'],
  ["cfs-lock 'storage-nfs1' error: no quorum!", 'stop'],
  ["'storage-nfs1'-locked command timed out - aborting", 'wait'],
  ['cluster not ready - no quorum?', 'stop'],
  ["unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp' - Permission denied", 'stop'],
  // lxc-endpoints §A, §B
  ["Configuration file 'nodes/pve1/lxc/100.conf' does not exist", 'replan'],
  ["can't overwrite running container", 'replan'],
  ["can't remove CT 100 - protection mode enabled", 'give-up'],
  ['unable to restore CT 100 - protection mode enabled', 'give-up'],
  ['unable to remove CT 100 - used in HA resources and purge parameter not set.', 'give-up'],
  ["There is a replication job '100-0' for guest '100' - Please remove that first.", 'give-up'],
  ['unable to destroy CT 100 - container is running', 'replan'],
  ['SSH public key validation error', 'give-up'],
  ['Only root can pass arbitrary filesystem paths.', 'give-up'],
  ["mount points configured, but 'rootfs' not set - aborting", 'give-up'],
  ["can't activate storage 'x'", 'give-up'],
  ['CT 100 already running', 'done'],
  ['CT 100 not running', 'done'],
  ['VM 100 not running', 'done'],
  ["you can't start a CT if it's a template", 'give-up'],
  ['Quotas are not supported by unprivileged containers.', 'give-up'],
  ["startup for container '100' failed", 'give-up'],
  ['container did not stop', 'give-up'],
  // lxc-endpoints §C
  ['no options specified', 'give-up'],
  ['detected modified configuration - file changed by other user? Try again.', 'replan'],
  ["unable to delete required option 'memory'", 'give-up'],
  ["unable to modify read-only option: 'unprivileged'", 'give-up'],
  ["can't update CT 100 drive 'mp0' - protection mode enabled", 'give-up'],
  ["storage 'x' does not allow content type 'rootdir' (Container)", 'give-up'],
  ["net0: MTU size '9000' is bigger than bridge MTU '1500'", 'give-up'],
  ['unable to shrink disk size', 'give-up'],
  ['disk is already at specified size', 'done'],
  ["can't resize mount point owned by another container (101)", 'give-up'],
  ['cannot move volumes of a running container', 'replan'],
  ["Target volume key 'mp1' is already in use for container '101'", 'replan'],
  ['could not find CT 101', 'replan'],
  ["you can't convert a CT to template if the CT is running", 'give-up'],
  ["Linked clone feature for 'local:100/vm-100-disk-0.raw' is not available", 'give-up'],
  ['Full clone of a running container is only possible from a snapshot', 'replan'],
  ["can't clone CT to node 'x' (CT uses local storage)", 'give-up'],
  ["clone failed: cfs-lock 'storage-nfs1' error: got lock request timeout", 'wait'],
  ['clone failed: unexpected state change', 'replan'],
  // lxc-endpoints §E, §J
  ["can't migrate running container without --online or --restart", 'replan'],
  ['migration aborted', 'give-up'],
  ['update pools failed: VM 100 is already a pool member', 'done'],
  ['update pools failed: VM 100 is not a pool member', 'done'],
  ["VM 100 belongs already to pool 'x' and 'allow-move' is not set", 'replan'],
  ['something that nobody has seen', 'give-up'],
];

describe('a refusal', () => {
  test.each(texts)('%s', (text, verdict) => {
    expect(judge(answer(text)).verdict).toBe(verdict);
  });
});

describe('the exit status of a task', () => {
  test.each(texts)('%s', (text, verdict) => {
    expect(judge(task(text)).verdict).toBe(verdict);
  });
});

describe('a status', () => {
  test.each<readonly [number, string, Verdict]>([
    [400, 'Parameter verification failed.', 'give-up'],
    [401, 'Authentication failed!', 'stop'],
    [401, 'Permission denied - invalid csrf token', 'stop'],
    [403, 'Permission check failed (/vms/100, VM.Audit)', 'give-up'],
    [403, "Permission check failed (pool 'x' does not exist)", 'give-up'],
    [501, "Method 'GET /nodes/x/nope' not implemented", 'give-up'],
    [502, 'Bad Gateway', 'look'],
    [503, 'Service Unavailable', 'look'],
    [504, 'Gateway Timeout', 'look'],
    [595, 'No route to host', 'repeat'],
    [596, 'Connection timed out', 'look'],
    [597, 'broken body', 'look'],
    [599, 'Too many redirections', 'look'],
  ])('%s %s', (status, reason, verdict) => {
    expect(judge(answer(reason, status)).verdict).toBe(verdict);
  });

  test.each<readonly [Record<string, string>, Verdict]>([
    [{ storage: "storage 'local' does not support container directories" }, 'give-up'],
    [{ net0: "unable to hotplug net0: bridge 'vmbr9' does not exist\n" }, 'replan'],
    [{ mp0: 'unable to apply pending change mp0 : failed' }, 'replan'],
    [{ template: 'no such template' }, 'replan'],
    [{ delete: "unknown option 'foo'" }, 'give-up'],
  ])('400 %j', (errors, verdict) => {
    expect(judge(answer('Parameter verification failed.', 400, errors)).verdict).toBe(verdict);
  });

  test.each<readonly ['no' | 'maybe', Verdict]>([
    ['no', 'repeat'],
    ['maybe', 'look'],
  ])('a connection that broke (sent: %s)', (sent, verdict) => {
    expect(judge(new PveConnectionError({ request, reason: 'got timeout', sent, errno: 'X' })).verdict).toBe(
      verdict,
    );
  });

  test('what is not the server’s is given up, whatever it says', () => {
    expect(judge(new Error('got timeout')).verdict).toBe('give-up');
  });
});

test.each([
  ['CT is locked (backup)', 'pct unlock'],
  ['detected modified configuration - file changed by other user? Try again.', 'new plan'],
  ["CT 100 already exists on node 'x'", 'vmid: auto'],
  ['cluster not ready - no quorum?', 'pvecm status'],
  ["can't remove CT 100 - protection mode enabled", 'protection: false'],
  [`${created}not enough free space (1 < 2)`, 'free space'],
])('%s has an instruction', (text, hint) => {
  expect(judge(answer(text)).hint).toContain(hint);
});
