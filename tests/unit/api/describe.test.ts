import { describe, expect, it } from 'vitest';
import { prepareCall } from '../../../src/api/call.ts';
import { describeTask } from '../../../src/api/describe.ts';
import type { WireValue } from '../../../src/schema/request.ts';
import type { HttpMethod } from '../../../src/schema/types.ts';

describe('what a request is about', () => {
  it.each<[HttpMethod, string, Record<string, WireValue>, string]>([
    ['GET', '/nodes/{node}/lxc', { node: 'pve1' }, 'read /nodes/pve1/lxc'],
    ['POST', '/pools', { poolid: 'x' }, 'post to /pools'],
    ['PUT', '/cluster/options', {}, 'change /cluster/options'],
    ['DELETE', '/pools/{poolid}', { poolid: 'x' }, 'delete /pools/x'],
    ['POST', '/nodes/{node}/lxc', { node: 'pve1', vmid: 101, ostemplate: 'x' }, 'create CT 101 on pve1'],
    ['POST', '/nodes/{node}/lxc', { node: 'pve1' }, 'post to /nodes/pve1/lxc'],
    [
      'PUT',
      '/nodes/{node}/lxc/{vmid}/resize',
      { node: 'pve1', vmid: '101', disk: 'rootfs' },
      'resize rootfs of CT 101 on pve1',
    ],
    [
      'DELETE',
      '/nodes/{node}/storage/{storage}/content/{volume}',
      { node: 'pve1', storage: 'local', volume: 'local:vztmpl/a.tar' },
      'delete local:vztmpl/a.tar on pve1',
    ],
    ['POST', '/access/ticket', { username: 'root@pam', password: 'secret' }, 'log in as root@pam'],
  ])('%s %s', (method, template, params, want) => {
    expect(prepareCall(method, template, params, 1000).doing).toBe(want);
  });
});

describe('what a task is about', () => {
  it.each([
    [{ type: 'vzcreate', id: '101', node: 'pve1' }, 'create CT 101 on pve1'],
    [{ type: 'download', id: 'a.tar.zst', node: 'pve1' }, 'download a.tar.zst on pve1'],
    [{ type: 'startall', id: '', node: 'pve1' }, 'carry out task startall on pve1'],
    [{ type: 'unheard', id: '5', node: 'pve1' }, 'carry out task unheard on pve1'],
  ])('%j', (task, want) => {
    expect(describeTask(task)).toBe(want);
  });
});
