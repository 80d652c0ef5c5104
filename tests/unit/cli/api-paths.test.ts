import { describe, expect, it } from 'vitest';
import { matchPath, methodsOf } from '../../../src/cli/api-paths.ts';
import { describePermissions, describeType } from '../../../src/cli/commands/api-explain.ts';
import { findOperation, findParameter } from '../../../src/schema/load.ts';
import type { Operation } from '../../../src/schema/types.ts';

describe('paths of the API', () => {
  const table: [path: string, template: string, params: Record<string, string>][] = [
    ['/nodes', '/nodes', {}],
    ['nodes/', '/nodes', {}],
    ['/api2/json/nodes', '/nodes', {}],
    ['/nodes/pve1/lxc/101/config', '/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: '101' }],
    ['/nodes/{node}/lxc/{vmid}/config', '/nodes/{node}/lxc/{vmid}/config', {}],
    [
      '/nodes/pve1/storage/local/content/local:vztmpl/a.tar.zst',
      '/nodes/{node}/storage/{storage}/content/{volume}',
      { node: 'pve1', storage: 'local', volume: 'local:vztmpl/a.tar.zst' },
    ],
    ['/cluster/nextid', '/cluster/nextid', {}],
    [
      '/access/users/root@pam/token/a%20b',
      '/access/users/{userid}/token/{tokenid}',
      { userid: 'root@pam', tokenid: 'a b' },
    ],
  ];
  it.each(table)('%s', (path, template, params) => {
    expect(matchPath(path)).toEqual({ template, params });
  });

  const wrong: [path: string, hint: string][] = [
    ['/nodes/pve1/lxc/101/confg', 'did you mean /nodes/{node}/lxc/{vmid}/config?'],
    ['/node', 'did you mean /nodes?'],
    ['/cluster/resorces', 'did you mean /cluster/resources?'],
  ];
  it.each(wrong)('%s is no path, but near to one', (path, hint) => {
    expect(() => matchPath(path)).toThrow(expect.objectContaining({ exitCode: 2, hint }));
  });

  it('knows the methods of a path', () => {
    expect(methodsOf('/nodes/{node}/lxc/{vmid}/config')).toEqual(['GET', 'PUT']);
  });
});

describe('explanations', () => {
  const create = findOperation('POST', '/nodes/{node}/lxc') as Operation;
  const parameter = (name: string) => describeType(findParameter(create, name) ?? { type: 'any' });

  it.each([
    ['vmid', 'integer 100..999999999'],
    ['memory', 'integer 16..'],
    ['unprivileged', 'boolean'],
    ['cmode', 'shell | console | tty'],
  ])('%s is %s', (name, want) => {
    expect(parameter(name)).toContain(want);
  });

  it.each([
    [undefined, 'only root@pam'],
    [{ user: 'all' } as const, 'everybody who is logged in'],
    [{ check: ['perm', '/vms/{vmid}', ['VM.Audit']] } as const, 'VM.Audit on /vms/{vmid}'],
    [
      { check: ['perm', '/', ['Sys.Audit', 'Sys.Modify'], 'any', 1] } as const,
      'Sys.Audit or Sys.Modify on /',
    ],
    [{ check: ['and', ['perm', '/a', ['X']], ['perm', '/b', ['Y']]] } as const, 'X on /a and Y on /b'],
  ])('%j reads %s', (permissions, want) => {
    expect(describePermissions(permissions)).toContain(want);
  });
});
