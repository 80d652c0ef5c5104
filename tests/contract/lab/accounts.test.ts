/** Plans of accounts against the simulated server: every request is accepted, and afterwards there is nothing to do. */
import { describe, expect, it } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { AccountPlan, ActualAccess, OwnContainer } from '../../../src/domain/lab/access.ts';
import { planAccounts } from '../../../src/domain/lab/accounts.ts';
import type { ApiRequest } from '../../../src/schema/request.ts';
import { fillPath } from '../../../src/schema/route.ts';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { call, login } from '../../support/simulator.ts';
import { fleetWith } from '../../unit/lab/support.ts';

const simulate = (): Simulator => createSimulator({ seed: 'small', clock: manualClock() });

type Row = Readonly<Record<string, unknown>>;
const rows = async (sim: Simulator, path: string): Promise<Row[]> =>
  (await call(sim, { path })).data as Row[];
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const optional = (row: Row, keys: readonly string[]): Row =>
  Object.fromEntries(keys.flatMap((key) => (row[key] === undefined ? [] : [[key, row[key]]])));

async function observe(sim: Simulator): Promise<ActualAccess> {
  const [users, pools, roles, acls] = await Promise.all(
    ['/access/users', '/pools', '/access/roles', '/access/acl'].map((path) => rows(sim, path)),
  );
  const members = async (poolid: string): Promise<Row[]> =>
    ((await call(sim, { path: '/pools', params: { poolid } })).data as { members?: Row[] }[])[0]?.members ??
    [];
  return {
    users: (users ?? []).map((row) => ({
      ...optional(row, ['comment', 'email', 'firstname', 'lastname']),
      userid: text(row['userid']),
      enable: row['enable'] === 1,
      expire: Number(row['expire'] ?? 0),
    })),
    pools: await Promise.all(
      (pools ?? []).map(async (row) => ({
        ...optional(row, ['comment']),
        poolid: text(row['poolid']),
        vmids: (await members(text(row['poolid']))).flatMap(({ vmid }) =>
          vmid === undefined ? [] : [Number(vmid)],
        ),
        storages: [],
      })),
    ),
    roles: (roles ?? []).map((row) => ({
      roleid: text(row['roleid']),
      privileges: text(row['privs']).split(',').filter(Boolean),
      isBuiltIn: row['special'] === 1,
    })),
    acls: (acls ?? []).map((row) => ({
      path: text(row['path']),
      type: row['type'] as 'user',
      ugid: text(row['ugid']),
      roleid: text(row['roleid']),
      propagate: row['propagate'] === 1,
    })),
  };
}

async function send(sim: Simulator, { method, path, params }: ApiRequest): Promise<void> {
  const { path: filled, rest } = fillPath(path, params);
  const form = Object.entries(rest).map(([key, value]) => [
    key,
    typeof value === 'boolean' ? Number(value) : typeof value === 'object' ? 'correct horse' : value,
  ]);
  const answer = await call(sim, {
    method,
    path: filled,
    params: Object.fromEntries(form) as Record<string, string>,
  });
  expect(answer.status, `${method} ${path}: ${answer.reason} ${answer.text}`).toBe(200);
}

async function carryOut(sim: Simulator, { changes, refusals }: AccountPlan): Promise<void> {
  expect(refusals).toEqual([]);
  const sent = new Set<string>();
  for (const { id, request, dependsOn } of changes) {
    for (const other of dependsOn) expect(sent).toContain(other);
    await send(sim, request);
    sent.add(id);
  }
}

const reach = async (
  sim: Simulator,
  fleet: Pick<DesiredFleet, 'name' | 'students' | 'accounts'>,
  own: readonly OwnContainer[] = [],
): Promise<void> => {
  await carryOut(sim, planAccounts(fleet, await observe(sim), own));
  expect(planAccounts(fleet, await observe(sim), own)).toMatchObject({ changes: [], refusals: [] });
};

const classOf = (logins: readonly string[], accounts = '{}'): DesiredFleet =>
  fleetWith(
    `roster: students.csv\naccounts: ${accounts}`,
    `name,login,group\n${logins.map((one) => `Anna ${one},${one},A`).join('\n')}\n`,
  );

describe('accounts', () => {
  it('are made, and a student can log in', async () => {
    const sim = simulate();
    await reach(sim, classOf(['anna', 'ben'], '{ expire: 2099-01-01 }'));
    await expect(login(sim, 'anna@pve', 'correct horse')).resolves.toBeDefined();
    const permissions = await call(sim, { path: '/access/permissions', params: { userid: 'anna@pve' } });
    expect(Object.keys(permissions.data as object)).toContain('/pool/lab-anna');
    expect(Object.keys(permissions.data as object)).not.toContain('/pool/lab-ben');
  });

  it('follow the roster, and leave what others have made', async () => {
    const sim = simulate();
    const before = await observe(sim);
    await reach(sim, classOf(['anna', 'ben'], "{ pool: 'class/{group}/{login}' }"));
    await reach(sim, classOf(['ben', 'eva'], "{ pool: '{fleet}-{login}', enable: false }"));
    expect((await observe(sim)).users.map(({ userid }) => userid)).toEqual(
      expect.arrayContaining(['ben@pve', 'eva@pve']) as string[],
    );
    await reach(sim, { name: 'lab' });
    expect(await observe(sim)).toEqual(before);
  });

  it('without pools have rights on containers, which are granted anew when those are', async () => {
    const sim = simulate();
    const own = [{ key: 'student-anna', vmid: 101, leaves: false }];
    const fleet = classOf(['anna'], '{ pool: null, role: PVEVMUser }');
    await reach(sim, fleet, own);
    sim.state.acls = sim.state.acls.filter(({ path }) => path !== '/vms/101');
    const again = planAccounts(fleet, await observe(sim), own);
    expect(again.changes.map(({ id }) => id)).toEqual(['acl/vms/101/anna@pve/grant']);
  });
});
