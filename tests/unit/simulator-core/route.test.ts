import { describe, expect, test } from 'vitest';
import { loadSchema } from '../../../src/schema/load.ts';
import { childrenOf, findRoute } from '../../../src/simulator/route.ts';

const split = (path: string): string[] => path.split('/').filter((part) => part !== '');

describe('routes', () => {
  test.each<[method: string, path: string, template: string, params: Record<string, string>]>([
    ['GET', '/version', '/version', {}],
    ['PUT', '/nodes/pve1/lxc/100/config', '/nodes/{node}/lxc/{vmid}/config', { node: 'pve1', vmid: '100' }],
    ['GET', '/cluster/ha/resources/ct:100', '/cluster/ha/resources/{sid}', { sid: 'ct:100' }],
    [
      'GET',
      '/nodes/pve1/storage/local/content/local:vztmpl/x.tar.zst',
      '/nodes/{node}/storage/{storage}/content/{volume}',
      { node: 'pve1', storage: 'local', volume: 'local:vztmpl/x.tar.zst' },
    ],
    ['GET', '/pools/lab', '/pools/{poolid}', { poolid: 'lab' }],
    ['GET', '/', '/', {}],
  ])('%s %s', (method, path, template, params) => {
    const found = findRoute(method, split(path));
    expect(found?.operation.path).toBe(template);
    expect(found?.pathParams).toEqual(params);
  });

  test.each([
    ['POST', '/version'],
    ['GET', '/nope'],
    ['DELETE', '/nodes/pve1/lxc'],
    ['GET', '/version/more'],
  ])('nothing for %s %s', (method, path) => {
    expect(findRoute(method, split(path))).toBeUndefined();
  });

  test('every operation of the schema is found under its own template', () => {
    for (const operation of Object.values(loadSchema().operations)) {
      expect(findRoute(operation.method, split(operation.path))?.operation).toBe(operation);
    }
  });

  test('directories list their literal parts', () => {
    expect(childrenOf('/').toSorted()).toEqual(['access', 'cluster', 'nodes', 'pools', 'storage', 'version']);
    expect(childrenOf('/nodes/{node}/tasks/{upid}').toSorted()).toEqual(['log', 'status']);
  });
});
