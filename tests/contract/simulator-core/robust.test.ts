/** Every simulated operation is called with made-up parameters: refusals are fine, stumbling is not. */
import { describe, expect, test } from 'vitest';
import { loadSchema } from '../../../src/schema/load.ts';
import type { Operation, ParamSchema } from '../../../src/schema/types.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { nextRandom } from '../../../src/simulator/model/random.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { call } from '../../support/simulator.ts';

/** Values that lead somewhere, by parameter. */
const telling: Readonly<Record<string, readonly string[]>> = {
  node: ['pve1', 'pve2'],
  vmid: ['100', '101', '999'],
  newid: ['150'],
  storage: ['local', 'local-lvm', 'nosuch'],
  userid: ['student@pve', 'ghost@pve'],
  groupid: ['instructors', 'nosuch'],
  roleid: ['PVEAdmin', 'nosuch'],
  poolid: ['lab', 'nosuch'],
  volume: ['local:vztmpl/x.tar.zst', 'local-lvm:vm-100-disk-0', 'rootfs', 'mp0'],
  disk: ['rootfs', 'mp9'],
  size: ['+1G', '9G'],
  sid: ['ct:100', 'ct:999'],
  target: ['pve2', 'pve1'],
};
const anything = [
  'a',
  'local',
  'vm:1',
  'x=1',
  '10.0.0.0/8',
  'ct:100',
  '',
  'nesting=1',
  'name=eth0,bridge=vmbr0',
  '100',
  'a;b',
];

function makeUp(random: { random: number }): (name: string, schema: ParamSchema) => string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(nextRandom(random) * list.length)] as T;
  return (name, schema) => {
    const known = telling[name];
    if (known) return pick(known);
    if (schema.enum) return pick(schema.enum);
    if (schema.type === 'boolean') return pick(['0', '1']);
    if (schema.type === 'integer' || schema.type === 'number')
      return String(schema.minimum ?? pick([0, 1, 100]));
    return pick(anything);
  };
}

async function callWithAnything(
  sim: Simulator,
  operation: Operation,
  random: { random: number },
): Promise<void> {
  const madeUp = makeUp(random);
  const params: Record<string, string> = {};
  let { path } = operation;
  for (const [name, schema] of Object.entries(operation.parameters.properties)) {
    const inPath = `{${name}}`;
    if (path.includes(inPath)) path = path.replace(inPath, encodeURIComponent(madeUp(name, schema) || 'x'));
    else if (!schema.optional || nextRandom(random) < 0.25)
      params[name.replace('[n]', '0')] = madeUp(name, schema);
  }
  const answer = await call(sim, { method: operation.method, path, params });
  expect(answer.message ?? '').not.toMatch(/^simulator: /);
  if (typeof answer.data !== 'string' || !answer.data.startsWith('UPID:')) return;
  await sim.settle();
  expect(sim.state.tasks[answer.data]?.exitstatus).not.toMatch(/undefined|is not a function|Cannot read|NaN/);
}

describe('every handler', () => {
  test.each([1, 2, 3, 4, 5])('takes anything, round %i', async (round) => {
    const sim = createSimulator({ seed: 'cluster', clock: manualClock(), randomSeed: round });
    const ostemplate = Object.values(sim.state.volumes)[0]?.volid ?? '';
    for (const [vmid, start] of [
      [100, 0],
      [101, 1],
    ] as const) {
      const net0 = 'name=eth0,bridge=vmbr0';
      const params = { vmid, start, ostemplate, rootfs: 'local-lvm:1', hostname: `c${vmid}`, net0 };
      await call(sim, { method: 'POST', path: '/nodes/pve1/lxc', params });
    }
    await sim.settle();
    const random = { random: round };
    for (const key of sim.handlerKeys) {
      const operation = loadSchema().operations[key];
      if (operation) await callWithAnything(sim, operation, random);
    }
    expect(sim.journal.length).toBeGreaterThan(200);
    const saved = sim.exportState();
    expect(JSON.parse(JSON.stringify(saved))).toEqual(saved);
  });
});
