/** Accounts under crashes and lost answers: whatever is cut off, the password in force stands in the sheet. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PveClient } from '../../../src/api/types.ts';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan, applySavedPlan, assertApplied } from '../../../src/engine/apply.ts';
import type { EngineContext } from '../../../src/engine/context.ts';
import type { PlanRefusedError } from '../../../src/engine/errors.ts';
import { listAccounts, makeAccountRemovalPlan, makeRotatePlan } from '../../../src/engine/lab/accounts.ts';
import { type CredentialsSheet, createSheet, sheetFile } from '../../../src/engine/lab/credentials.ts';
import { readSheetDetails } from '../../../src/engine/lab/sheet-details.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import type { Simulator } from '../../../src/simulator/index.ts';
import { parseSheet, type SheetRow } from '../../../src/spec/sheet.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { fleetWith } from '../../unit/lab/support.ts';

const logins = ['anna', 'ben', 'cem', 'dora'];
const roster = `name,login\n${logins.map((login) => `Student ${login},${login}`).join('\n')}\n`;
const classOf = (accounts = '{}'): DesiredFleet => {
  const fleet = fleetWith(
    `roster: students.csv\npower: stopped\n${accounts && `accounts: ${accounts}`}`,
    roster,
  );
  return {
    ...fleet,
    containers: fleet.containers.map((one) => ({ ...one, template: 'debian-12' })),
  };
};

const folder = (): string => join(mkdtempSync(join(tmpdir(), 'pvefleet-accounts-')), 'sheets');
const read = (path: string): SheetRow[] => {
  const rows = parseSheet(readFileSync(sheetFile(path), 'utf8'));
  if (!rows) throw new Error('no sheet');
  return rows;
};
const inForce = ({ state }: Simulator): [string, string][] =>
  Object.values(state.users)
    .toSorted((a, b) => (a.userid < b.userid ? -1 : 1))
    .flatMap(({ userid, password, comment }) =>
      comment?.includes('pvefleet fleet=lab') && password !== undefined ? [[userid, password]] : [],
    );

/** Every password that the server accepts is in the sheet. */
function expectNothingLost(simulator: Simulator, path: string): void {
  const known = inForce(simulator);
  if (known.length === 0) return;
  const rows = read(path);
  for (const [userid, password] of known)
    expect(rows.filter((row) => row.userid === userid).map((row) => row.password)).toContain(password);
}

/** A process that dies at the nth write: before it is sent, or when it has arrived and the answer has not. */
function dying(
  context: EngineContext,
  at: number,
  when: 'before' | 'after',
): { context: EngineContext; death: Promise<void> } {
  let writes = 0;
  let isDead = false;
  let die = (): void => undefined;
  const death = new Promise<void>((resolve) => {
    die = resolve;
  });
  const never = new Promise<never>(() => undefined);
  const { pve } = context;
  const request: PveClient['request'] = async (call, options) => {
    if (isDead) return never;
    writes += 1;
    if (writes === at) {
      isDead = true;
      if (when === 'after') await pve.request(call, options);
      die();
      return never;
    }
    const answer = await pve.request(call, options);
    return isDead ? never : answer;
  };
  return { context: { ...context, pve: { ...pve, request } as PveClient }, death };
}

async function finish(
  engine: TestEngine,
  fleet: DesiredFleet,
  sheet: CredentialsSheet,
): Promise<readonly SheetRow[]> {
  const { byLogin, users } = await readSheetDetails(engine.context, fleet);
  const rows = await sheet.finish(byLogin, (userid) => users.has(userid));
  await sheet.close();
  return rows;
}

type Make = (context: EngineContext) => Promise<Plan>;

/** Carries a plan out, dies, and does it again until it comes to its end. */
async function untilDone(
  first: TestEngine,
  make: Make,
  path: string,
  deaths: readonly (readonly [at: number, when: 'before' | 'after'])[],
): Promise<TestEngine> {
  for (const [at, when] of deaths) {
    const engine = first.again();
    const credentials = createSheet(path);
    const { context, death } = dying({ ...engine.context, credentials }, at, when);
    const plan = await make(context);
    await Promise.race([applyPlan(context, plan), death]);
    expectNothingLost(first.simulator, path);
    // what it was writing is written, and it writes no more; its lock goes as that of a dead process does
    await credentials.close();
  }
  return first.again();
}

const makeRotateError = (context: EngineContext, fleet: DesiredFleet): Promise<Error> =>
  makeRotatePlan(context, fleet, { logins: [] }, policyOf()).then(
    () => new Error('not refused'),
    (error: unknown) => error as Error,
  );

describe('accounts', () => {
  for (const seed of [1, 2, 3, 4, 5, 6])
    it(`converge after crashes at any request, and no password is lost (${seed})`, {
      timeout: 60_000,
    }, async () => {
      const fleet = classOf(seed % 2 === 0 ? '{ pool: null }' : '{}');
      const path = folder();
      const first = makeEngine({ seed: 'small', randomSeed: seed });
      const make: Make = async (context) => (await makePlan(context, fleet, policyOf())).plan;
      const deaths = Array.from({ length: 4 }, (_, index): [number, 'before' | 'after'] => [
        1 + ((seed * 7 + index * 5) % 9),
        (seed + index) % 2 === 0 ? 'after' : 'before',
      ]);
      const engine = await untilDone(first, make, path, deaths);
      const sheet = createSheet(path);
      const context = { ...engine.context, credentials: sheet };
      const report = await applyPlan(context, await make(context));
      expect(report.actions.filter(({ result }) => result !== 'ok' && result !== 'unchanged')).toEqual([]);
      await sheet.open();
      const rows = await finish(engine, fleet, sheet);
      expect(rows.map(({ login, state }) => [login, state])).toEqual(
        logins.map((login) => [login, 'in force']),
      );
      expect(rows.map(({ userid, password }) => [userid, password])).toEqual(inForce(first.simulator));
      expect(read(path)).toEqual(rows);
      expect((await verify(engine.context, fleet)).findings).toEqual([]);
      expect((await make(engine.context)).actions).toEqual([]);
    });

  it('keep both passwords while it is not certain which one is in force', { timeout: 60_000 }, async () => {
    const fleet = classOf();
    const path = folder();
    const first = makeEngine({ seed: 'small' });
    const sheet = createSheet(path);
    await applyPlan(
      { ...first.context, credentials: sheet },
      (await makePlan(first.context, fleet, policyOf())).plan,
    );
    await finish(first, fleet, sheet);
    const { username, password } = first.simulator.credentials;
    const login = { kind: 'ticket', username, password } as const;
    const make: Make = async (context) =>
      (await makeRotatePlan({ ...context, identity: username }, fleet, { logins: [] }, policyOf())).plan;
    const asRoot = first.again({ auth: login });
    const old = read(path);
    await untilDone({ ...asRoot, again: () => first.again({ auth: login }) }, make, path, [
      [2, 'after'],
      [3, 'before'],
    ]);
    expect(read(path).length).toBeGreaterThan(logins.length);
    const last = createSheet(path);
    await last.open();
    expect((await finish(asRoot, fleet, last)).some(({ state }) => state === 'unconfirmed')).toBe(true);
    expectNothingLost(first.simulator, path);
    const done = createSheet(path);
    await applyPlan({ ...asRoot.context, identity: username, credentials: done }, await make(asRoot.context));
    const rows = await finish(asRoot, fleet, done);
    expect(rows.map(({ state }) => state)).toEqual(logins.map(() => 'in force'));
    expect(rows.map((row) => [row.userid, row.password])).toEqual(inForce(first.simulator));
    for (const { login: who, password: before } of old)
      expect(rows.find((row) => row.login === who)?.password).not.toBe(before);
  });

  it('get new passwords from a teacher who confirms with the own one, and not from a token', async () => {
    const fleet = classOf();
    const first = makeEngine({ seed: 'small' });
    const sheet = createSheet(folder());
    const context = { ...first.context, credentials: sheet };
    await applyPlan(context, (await makePlan(context, fleet, policyOf())).plan);
    await sheet.close();
    const { state } = first.simulator;
    const password = 'chalk and board';
    state.users['teacher@pve'] = {
      userid: 'teacher@pve',
      enable: true,
      expire: 0,
      groups: [],
      tokens: {},
      password,
    };
    state.acls.push({
      path: '/',
      type: 'user',
      ugid: 'teacher@pve',
      roleid: 'Administrator',
      propagate: true,
    });
    const teacher = first.again({
      auth: { kind: 'ticket', username: 'teacher@pve', password },
      resolveSecret: (reference) => Promise.resolve(reference === 'login:password' ? password : ''),
    });
    const { plan } = await makeRotatePlan(teacher.context, fleet, { logins: ['anna'] }, policyOf());
    expect(plan.refusals).toEqual([]);
    const before = new Map(inForce(first.simulator));
    const credentials = createSheet(folder());
    const report = await applyPlan({ ...teacher.context, credentials }, plan);
    expect(report.summary).toMatchObject({ ok: 1, failed: 0 });
    await credentials.close();
    const after = new Map(inForce(first.simulator));
    for (const [userid, one] of before) expect(after.get(userid) === one).toBe(userid !== 'anna@pve');
    const byToken = await makeRotatePlan(first.context, fleet, { logins: [] }, policyOf());
    expect(byToken.plan.refusals.map(({ code }) => code)).toEqual(['LOGIN_NEEDED']);
  });

  it('survive lost answers of every request about accounts', { timeout: 60_000 }, async () => {
    const fleet = classOf();
    const path = folder();
    const engine = makeEngine({ seed: 'small' });
    engine.simulator.faults.schedule([
      { fault: 'drop', when: 'after', method: 'POST', path: '/access/users', times: 2 },
      { fault: 'drop', when: 'before', method: 'POST', path: '/access/users', skip: 2 },
      { fault: 'drop', when: 'after', method: 'POST', path: '/pools' },
      { fault: 'drop', when: 'after', method: 'POST', path: '/access/roles' },
      { fault: 'drop', when: 'after', method: 'PUT', path: '/access/acl' },
    ]);
    const sheet = createSheet(path);
    const context = { ...engine.context, credentials: sheet };
    const { plan } = await makePlan(context, fleet, policyOf());
    const { summary } = await applyPlan(context, plan);
    expect(summary).toMatchObject({ failed: 0, diverged: 0, indeterminate: 0, skipped: 0 });
    await finish(engine, fleet, sheet);
    expectNothingLost(engine.simulator, path);
    expect((await verify(engine.context, fleet)).converged).toBe(true);
  });

  it('stop before anything is written when there is no sheet, or not one of ours', async () => {
    const fleet = classOf();
    const engine = makeEngine({ seed: 'small' });
    const { plan } = await makePlan(engine.context, fleet, policyOf());
    await expect(applyPlan(engine.context, plan)).rejects.toMatchObject({ code: 'CREDENTIALS_NEEDED' });
    const file = join(mkdtempSync(join(tmpdir(), 'pvefleet-accounts-')), 'grades.csv');
    writeFileSync(file, 'name,grade\nAnna,1\n');
    const credentials = createSheet(file);
    await expect(applyPlan({ ...engine.context, credentials }, plan)).rejects.toMatchObject({
      code: 'CREDENTIALS_INVALID',
    });
    expect(readFileSync(file, 'utf8')).toBe('name,grade\nAnna,1\n');
    expect(engine.requests({ writes: true })).toEqual([]);
  });

  it('are granted again to a container that was made anew', { timeout: 60_000 }, async () => {
    const fleet = classOf('{ pool: null }');
    const engine = makeEngine({ seed: 'small' });
    const sheet = createSheet(folder());
    const context = { ...engine.context, credentials: sheet };
    await applyPlan(context, (await makePlan(context, fleet, policyOf())).plan);
    await sheet.close();
    const before = structuredClone(engine.simulator.state.acls);
    const changed: DesiredFleet = {
      ...fleet,
      containers: fleet.containers.map((one) =>
        one.student === 'ben' ? { ...one, unprivileged: false } : one,
      ),
    };
    const { plan } = await makePlan(context, changed, policyOf({ all: true }));
    expect(plan.actions.map(({ kind }) => kind)).toEqual([
      'container.destroy',
      'container.create',
      'acl.grant',
    ]);
    const { summary } = await applyPlan(context, plan);
    expect(summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
    const sorted = (acls: typeof before): unknown[] =>
      acls.toSorted((a, b) => (a.path + a.ugid < b.path + b.ugid ? -1 : 1));
    expect(sorted(engine.simulator.state.acls)).toEqual(sorted(before));
  });

  it('go with the fleet, and nothing else does', { timeout: 60_000 }, async () => {
    const { makeDestroyPlan } = await import('../../../src/engine/plan.ts');
    const fleet = classOf("{ pool: 'class/{login}' }");
    const engine = makeEngine({ seed: 'small' });
    const { users, pools, roles, acls } = structuredClone(engine.simulator.state);
    const sheet = createSheet(folder());
    const context = { ...engine.context, credentials: sheet };
    await applyPlan(context, (await makePlan(context, fleet, policyOf())).plan);
    const refused = await makeDestroyPlan(context, fleet.name, policyOf(), { accounts: true });
    expect(refused.plan.refusals.every(({ needs }) => needs === 'destroy' || needs === 'max-destroy')).toBe(
      true,
    );
    const { plan } = await makeDestroyPlan(context, fleet.name, policyOf({ all: true }), { accounts: true });
    const { summary } = await applyPlan(context, plan);
    expect(summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
    await sheet.close();
    const { state } = engine.simulator;
    expect([state.users, state.pools, state.roles, state.acls]).toEqual([users, pools, roles, acls]);
  });

  it('have their passwords tried, and say so where that cannot be', async () => {
    const fleet = classOf();
    const engine = makeEngine({ seed: 'small' });
    const path = folder();
    const sheet = createSheet(path);
    const context = { ...engine.context, credentials: sheet };
    const { state, faults } = engine.simulator;
    faults.schedule([
      {
        fault: 'answer',
        status: 401,
        reason: 'authentication failure',
        method: 'POST',
        path: '/access/ticket',
      },
    ]);
    const report = await applyPlan(context, (await makePlan(context, fleet, policyOf())).plan);
    const tries = (): number => engine.requests().filter((line) => line === 'POST /access/ticket').length;
    expect(tries()).toBe(logins.length);
    expect(report.summary).toMatchObject({ diverged: 1, failed: 0, skipped: 0 });
    const [diverged] = report.actions.filter(({ result }) => result === 'diverged');
    expect(diverged?.kind).toBe('user.create');
    expect(diverged?.error?.message).toContain('password should be accepted at a login, is refused');
    const rows = await finish(engine, fleet, sheet);
    expect(rows.filter(({ state: one }) => one === 'unconfirmed').map(({ login }) => login)).toEqual([
      diverged?.key,
    ]);

    const { username, password } = engine.simulator.credentials;
    const asRoot = engine.again({ auth: { kind: 'ticket', username, password }, identity: username });
    const rotate = async (): Promise<Record<string, number>> => {
      const credentials = createSheet(path);
      const connected = { ...asRoot.context, credentials };
      const { plan } = await makeRotatePlan(connected, fleet, { logins: [] }, policyOf());
      const { summary } = await applyPlan(connected, plan);
      await credentials.close();
      expectNothingLost(engine.simulator, path);
      return { ...summary };
    };
    // whoever cannot log in is told of, once per reason; the others are tried
    for (const userid of ['anna@pve', 'ben@pve']) Object.assign(state.users[userid] ?? {}, { enable: false });
    Object.assign(state.users['cem@pve'] ?? {}, { expire: 1 });
    const before = tries();
    expect(await rotate()).toMatchObject({ ok: 4, diverged: 0, failed: 0 });
    // one of the four, and our own
    expect(tries() - before).toBe(2);
    const told = asRoot.eventsOf('notice').map(({ diagnostic }) => diagnostic);
    expect(told.map(({ code }) => code)).toEqual(['PASSWORD_UNPROVED', 'PASSWORD_UNPROVED']);
    expect(told.map(({ message }) => message.split(': ')[1] ?? '').toSorted()).toEqual([
      'the account has expired',
      'the account is disabled',
    ]);
    // an answer that was lost: the new password opens, so it arrived
    faults.schedule([{ fault: 'drop', when: 'after', method: 'PUT', path: '/access/password' }]);
    const sent = engine.requests().filter((line) => line === 'PUT /access/password').length;
    for (const user of Object.values(state.users)) Object.assign(user, { enable: true, expire: 0 });
    expect(await rotate()).toMatchObject({ ok: 4, failed: 0, indeterminate: 0 });
    expect(engine.requests().filter((line) => line === 'PUT /access/password').length - sent).toBe(4);
    const secrets = inForce(engine.simulator).map(([, one]) => one);
    for (const secret of secrets)
      expect(JSON.stringify([...engine.events, ...asRoot.events, report])).not.toContain(secret);
  });

  it('that somebody has changed since a plan was saved are refused, or left out', {
    timeout: 60_000,
  }, async () => {
    const fleet = classOf();
    const engine = makeEngine({ seed: 'small' });
    const sheet = createSheet(folder());
    const context = { ...engine.context, credentials: sheet };
    const { state } = engine.simulator;
    const { plan: first } = await makePlan(context, fleet, policyOf());
    state.pools['lab-ben'] = { poolid: 'lab-ben', vms: [], storages: [] };
    const exists = { reason: 'the pool lab-ben exists already', id: 'pool/lab-ben/create', key: 'ben' };
    await expect(applySavedPlan(context, first)).rejects.toMatchObject({ exitCode: 6, stale: [exists] });
    expect(engine.requests({ writes: true })).toEqual([]);
    const report = await applySavedPlan(context, first, { skipStale: true });
    const stale = report.actions.filter(({ error }) => error?.code === 'PLAN_STALE').map(({ id }) => id);
    expect(stale.toSorted()).toEqual([
      'acl/pool/lab-ben/ben@pve/grant',
      'pool/lab-ben/create',
      'student-ben/create',
      'user/ben@pve/create',
    ]);
    expect(report.summary).toMatchObject({ failed: 0, diverged: 0, skipped: 4 });
    expect(() => assertApplied(report)).toThrow('stale in part: ben, student-ben left out');
    await sheet.close();

    const { plan: removal } = await makeAccountRemovalPlan(
      context,
      fleet,
      { logins: [] },
      policyOf({ all: true }),
    );
    const anna = state.users['anna@pve'];
    if (anna) anna.email = 'anna@elsewhere.example';
    state.roles['lab-student'] = ['VM.Audit'];
    state.acls = state.acls.filter(({ ugid }) => ugid !== 'cem@pve');
    const pool = state.pools['lab-dora'];
    if (pool) pool.comment = `mine now, ${pool.comment}`;
    const error = await applySavedPlan(context, removal).catch((thrown: unknown) => thrown);
    expect((error as PlanRefusedError).stale.map(({ reason }) => reason).toSorted()).toEqual([
      'the pool lab-dora has changed',
      'the pool lab-dora has changed',
      'the role lab-student has changed',
      'the user anna@pve has changed',
    ]);
    const granting = await makePlan(context, { ...fleet, students: fleet.students ?? [] }, policyOf());
    const grant = granting.plan.actions.find(({ id }) => id === 'acl/pool/lab-cem/cem@pve/grant');
    expect(grant?.precondition.kind).toBe('access');
    state.roles['lab-student'] = ['VM.Audit', 'VM.Allocate'];
    await expect(
      applySavedPlan(context, { ...granting.plan, refusals: [], actions: grant ? [grant] : [] }),
    ).rejects.toMatchObject({ stale: [{ reason: 'what cem@pve may do on /pool/lab-cem has changed' }] });
  });

  it('that the file no longer has are told, and go with the permission to destroy', async () => {
    const fleet = classOf();
    const engine = makeEngine({ seed: 'small' });
    const { users, pools, roles, acls } = structuredClone(engine.simulator.state);
    const sheet = createSheet(folder());
    const context = { ...engine.context, credentials: sheet };
    await applyPlan(context, (await makePlan(context, fleet, policyOf())).plan);
    await sheet.close();
    const without = classOf('');
    const { plan: refused } = await makePlan(context, without, policyOf());
    expect(refused.refusals.map(({ key, needs }) => [key, needs])).toEqual(
      ['lab', ...logins].map((key) => [key, 'destroy']),
    );
    expect(refused.refusals[1]?.message).toBe(
      'anna: user anna@pve and pool lab-anna would be removed (the fleet has no accounts any more)',
    );
    expect((await verify(context, without)).summary.accounts).toBeGreaterThan(0);
    const { accounts } = await listAccounts(context, without, { logins: [] });
    expect(accounts.map(({ login, state, pool }) => [login, state, pool])).toEqual(
      logins.map((login) => [login, 'left', `lab-${login}`]),
    );
    const one = await makeAccountRemovalPlan(context, without, { logins: ['ben'] }, policyOf({ all: true }));
    expect(one.plan.actions.map(({ id }) => id).toSorted()).toEqual([
      'pool/lab-ben/delete',
      'pool/lab-ben/remove-member',
      'user/ben@pve/delete',
    ]);
    const all = await makeAccountRemovalPlan(context, without, { logins: [] }, policyOf({ all: true }));
    const { plan } = await makePlan(context, without, policyOf({ all: true }));
    const ids = (actions: Plan['actions']): string[] => actions.map(({ id }) => id).toSorted();
    expect(ids(plan.actions)).toEqual(ids(all.plan.actions));
    const { summary } = await applyPlan(context, plan);
    expect(summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
    const { state } = engine.simulator;
    expect([state.users, state.roles, state.acls]).toEqual([users, roles, acls]);
    expect(Object.keys(state.pools)).toEqual(Object.keys(pools));
    expect((await makePlan(context, without, policyOf())).plan.actions).toEqual([]);
    expect((await makeRotateError(context, without)).message).toContain('has no accounts');
  });
});
