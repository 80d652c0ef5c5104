/** How much of the API is simulated: everything that a manager of containers can call. */
import { describe, expect, it } from 'vitest';
import { createSimulator } from '../../../src/simulator/index.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { leftOut, leftOutOf } from '../../support/container-api.ts';
import { call } from '../../support/simulator.ts';

const coverage = createSimulator().coverage();

describe('coverage of the API', () => {
  it('counts every operation once', () => {
    const sum = (key: 'total' | 'simulated'): number =>
      coverage.areas.reduce((total, area) => total + area[key], 0);
    expect(coverage.total).toBe(661);
    expect([sum('total'), sum('simulated')]).toEqual([coverage.total, coverage.simulated]);
    expect(coverage.checkedOnly).toHaveLength(coverage.total - coverage.simulated);
  });

  it('has semantics for everything that no row of the table leaves out', () => {
    expect(coverage.checkedOnly.filter((key) => !leftOutOf(key))).toEqual([]);
  });

  it('has no row that leaves out nothing', () => {
    const used = new Set(coverage.checkedOnly.map((key) => leftOutOf(key)));
    expect(leftOut.filter((row) => !used.has(row))).toEqual([]);
  });

  it.each([
    ['/nodes/{node}/lxc', 3],
    ['/nodes/{node}/tasks', 0],
    ['/nodes/{node}/vzdump', 0],
    ['/nodes/{node}/aplinfo', 0],
    ['/nodes/{node}/replication', 0],
    ['/nodes/{node}/storage', 6],
    ['/cluster/ha', 2],
    ['/cluster/backup', 0],
    ['/cluster/replication', 0],
    ['/cluster/bulk-action', 0],
    ['/cluster/firewall', 0],
    ['/cluster/resources', 0],
    ['/cluster/options', 0],
    ['/pools', 0],
    ['/storage', 0],
    ['/access', 4],
  ])('leaves out no more of %s than %i operations', (beginning, most) => {
    const missing = coverage.checkedOnly.filter((key) => key.split(' ')[1]?.startsWith(beginning));
    expect(missing.length, missing.join('\n')).toBeLessThanOrEqual(most);
  });

  it('still checks what it leaves out, and says that there is no more', async () => {
    const sim = createSimulator({ clock: manualClock() });
    const wrong = { method: 'PUT', path: '/nodes/pve1/time', params: { timezone: 'x'.repeat(3), nope: '1' } };
    expect(await call(sim, wrong)).toMatchObject({ status: 400, errors: { nope: expect.any(String) } });
    const right = await call(sim, { ...wrong, params: { timezone: 'UTC' } });
    expect(right).toMatchObject({
      status: 501,
      reason: "the simulator has no handler for 'PUT /nodes/{node}/time'",
    });
    expect(await call(sim, { ...wrong, as: null })).toMatchObject({ status: 401 });
  });
});
