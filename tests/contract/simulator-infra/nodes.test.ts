import { expect, test } from 'vitest';
import { findOperation } from '../../../src/schema/load.ts';
import type { ParamSchema } from '../../../src/schema/types.ts';
import { makeContainer, makeLab, type Row } from './support.ts';

/** Differences between a value and what the schema says is returned, to any depth. */
function misfits(schema: ParamSchema, value: unknown, at: string): string[] {
  // Raw volumes have no parent, and say so (conformance 26).
  if (value === undefined || value === null) return schema.optional ? [] : [`${at} is missing`];
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, index) =>
      schema.items ? misfits(schema.items, item, `${at}[${index}]`) : [],
    );
  }
  if (schema.type === 'object') {
    if (typeof value !== 'object' || value === null) return [`${at} is no object`];
    const properties = Object.entries(schema.properties ?? {});
    return properties.flatMap(([key, part]) => misfits(part, (value as Row)[key], `${at}.${key}`));
  }
  const fits: Readonly<Record<string, boolean>> = {
    // Answers are looser than the schema: numbers as text, booleans as 0 and 1 (behaviours §4).
    integer: /^-?\d+$/.test(String(value)),
    number: Number.isFinite(Number(value)),
    boolean: /^(0|1|true|false)$/.test(String(value)),
    string: typeof value === 'string' || typeof value === 'number',
  };
  return fits[schema.type] === false ? [`${at} = ${JSON.stringify(value)} is no ${schema.type}`] : [];
}

test.each([
  ['/version', {}],
  ['/cluster/resources', {}],
  ['/cluster/status', {}],
  ['/cluster/nextid', {}],
  ['/cluster/tasks', {}],
  ['/cluster/ha/resources', {}],
  ['/cluster/ha/status/current', {}],
  ['/cluster/backup', {}],
  ['/cluster/firewall/macros', {}],
  ['/nodes', {}],
  ['/nodes/{node}/aplinfo', {}],
  ['/nodes/{node}/certificates/info', {}],
  ['/nodes/{node}/dns', {}],
  ['/nodes/{node}/network', {}],
  ['/nodes/{node}/qemu', {}],
  ['/nodes/{node}/rrddata', { timeframe: 'hour' }],
  ['/nodes/{node}/services', {}],
  ['/nodes/{node}/status', {}],
  ['/nodes/{node}/storage', {}],
  ['/nodes/{node}/storage/local/content', {}],
  ['/nodes/{node}/storage/local/status', {}],
  ['/nodes/{node}/subscription', {}],
  ['/nodes/{node}/tasks', { source: 'all' }],
  ['/nodes/{node}/time', {}],
  ['/nodes/{node}/version', {}],
  ['/pools', {}],
  ['/storage', {}],
])('GET %s answers what the schema says', async (template, params) => {
  const lab = makeLab();
  await makeContainer(lab, 200);
  await lab.ok('POST', '/cluster/ha/resources', { sid: 'ct:200', state: 'ignored' });
  lab.sim.state.vms[900] = { vmid: 900, node: 'pve1', name: 'm', status: 'running', config: {} };
  await lab.advance(10_000);
  const path = template.replace('{node}', 'pve1');
  const operation = findOperation('GET', template.replace('/local/', '/{storage}/'));
  expect(operation).toBeDefined();
  const data = await lab.ok('GET', path, params as Record<string, string>);
  expect(operation ? misfits(operation.returns, data, 'data') : []).toEqual([]);
});

test('localhost is the answering node; others must exist', async () => {
  const lab = makeLab();
  expect(await lab.ok('GET', '/nodes/localhost/status')).toMatchObject({ cpuinfo: { cpus: 2 } });
  expect(await lab.call('GET', '/nodes/ghost/aplinfo')).toMatchObject({
    status: 500,
    reason:
      "hostname lookup 'ghost' failed - failed to get address info for: ghost: Name or service not known",
  });
});

test('what a node uses grows with what runs on it', async () => {
  const lab = makeLab();
  await makeContainer(lab, 200);
  const used = async (): Promise<number> => {
    const status = (await lab.ok('GET', '/nodes/pve1/status')) as { memory: { used: number } };
    return status.memory.used;
  };
  const before = await used();
  await lab.task('POST', '/nodes/pve1/lxc/200/status/start');
  expect(await used()).toBeGreaterThan(before);
});

test.each([
  ['bridge', ['vmbr0']],
  ['any_bridge', ['vmbr0']],
  ['any_local_bridge', ['vmbr0']],
  ['include_sdn', ['vmbr0']],
  ['bond', []],
])('networks of type %s', async (type, want) => {
  const lab = makeLab();
  const names = async (as: string): Promise<unknown[]> =>
    ((await lab.ok('GET', '/nodes/pve1/network', { type }, as)) as Row[]).map((row) => row['iface']);
  expect(await names('root')).toEqual(want);
  lab.sim.state.acls = [];
  expect(await names('operator')).toEqual([]);
});

test('machines take their place in lists and in the space of ids', async () => {
  const lab = makeLab();
  lab.sim.state.vms[100] = {
    vmid: 100,
    node: 'pve1',
    name: 'vm',
    status: 'stopped',
    config: { memory: '2048', cores: '2' },
  };
  expect(await lab.ok('GET', '/nodes/pve1/qemu')).toMatchObject([
    { vmid: 100, name: 'vm', status: 'stopped', cpus: 2, maxmem: 2048 * 1024 ** 2 },
  ]);
  expect(await lab.ok('GET', '/cluster/nextid')).toBe('101');
});
