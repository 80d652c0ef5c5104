/** What `doctor -f` says that a teacher needs for a class with accounts: granted as it says, it is all that is needed. */
import { expect, it } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { diagnose } from '../../../src/engine/doctor.ts';
import { makeAccountRemovalPlan, makeRotatePlan } from '../../../src/engine/lab/accounts.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { fleetWith } from '../../unit/lab/support.ts';

const password = 'chalk and board';
const userid = 'teacher@pve';
const logins = ['anna', 'ben', 'cem', 'dora'];
const roster = `name,login\n${logins.map((login) => `Student ${login},${login}`).join('\n')}\n`;
const parsed = fleetWith('roster: students.csv\npower: stopped\naccounts: {}', roster);
const fleet = { ...parsed, containers: parsed.containers.map((one) => ({ ...one, template: 'debian-12' })) };

/** Carries out what a root shell would. */
function grant({ simulator: { state } }: TestEngine, commands: readonly string[]): void {
  for (const command of commands) {
    const [, role, privileges] = /^pveum role add (\S+) --privs '([^']*)'$/.exec(command) ?? [];
    if (role !== undefined && privileges !== undefined) {
      state.roles[role] = privileges.split(',');
      continue;
    }
    const [, path, ugid, roleid] =
      /^pveum acl modify (\S+) --users '([^']*)' --roles (\S+)$/.exec(command) ?? [];
    if (path === undefined || ugid === undefined || roleid === undefined) throw new Error(command);
    state.acls.push({ path, type: 'user', ugid, roleid, propagate: true });
  }
}

function teacherOf(root: TestEngine): TestEngine {
  const { state } = root.simulator;
  state.users[userid] = { userid, enable: true, expire: 0, groups: [], tokens: {}, password };
  state.acls.push({ path: '/', type: 'user', ugid: userid, roleid: 'PVEAuditor', propagate: true });
  const resolveSecret = (): Promise<string> => Promise.resolve(password);
  return root.again({
    auth: { kind: 'ticket', username: userid, password },
    identity: userid,
    resolveSecret,
  });
}

it('names what accounts need, and grants it for students to come', { timeout: 60_000 }, async () => {
  const root = makeEngine({ seed: 'small' });
  const { context } = teacherOf(root);
  const { commands, checks } = await diagnose(context, { fleet });
  const said = commands.join('\n');
  for (const one of ['User.Modify', 'Realm.AllocateUser', 'Pool.Allocate', 'Sys.Modify'])
    expect(said).toContain(one);
  for (const path of ['/access', '/access/groups', '/access/realm/pve', '/pool'])
    expect(said).toContain(`pveum acl modify ${path} `);
  // as many for thirty students as for four
  expect(said).not.toContain('/pool/');
  expect(checks.filter(({ message }) => message.includes('/pool/')).length).toBeLessThan(4);
  const { plan: refused } = await makePlan(context, fleet, policyOf());
  const hints = refused.refusals.flatMap((one) => one.commands ?? []);
  expect([...new Set(hints)].toSorted()).toEqual(commands.toSorted());
  grant(root, commands);
  const credentials = {
    open: async () => undefined,
    passwordFor: async () => 'a generated one',
    settle: async () => undefined,
    forget: async () => undefined,
  };
  const connected = { ...context, credentials };
  const run = async (make: () => ReturnType<typeof makePlan>): Promise<void> => {
    const { plan } = await make();
    expect(plan.refusals).toEqual([]);
    expect(plan.actions.length).toBeGreaterThan(0);
    expect((await applyPlan(connected, plan)).summary).toMatchObject({ failed: 0, diverged: 0, skipped: 0 });
  };
  await run(() => makePlan(connected, fleet, policyOf()));
  expect((await diagnose(context, { fleet })).commands).toEqual([]);
  await run(() => makeRotatePlan(connected, fleet, { logins: [] }, policyOf()));
  await run(() => makeAccountRemovalPlan(connected, fleet, { logins: [] }, policyOf({ all: true })));
});

it('tells an account that has all of it now what making the class anew would need', async () => {
  const root = makeEngine({ seed: 'small' });
  const credentials = {
    open: async () => undefined,
    passwordFor: async () => 'a generated one',
    settle: async () => undefined,
    forget: async () => undefined,
  };
  await applyPlan({ ...root.context, credentials }, (await makePlan(root.context, fleet, policyOf())).plan);
  const { checks } = await diagnose(teacherOf(root).context, { fleet });
  const told = checks
    .filter(({ name }) => name === 'fleet rights')
    .map(({ status, message }) => `${status} ${message}`);
  for (const one of [
    'Sys.Modify on /access',
    'User.Modify on /access/groups',
    'Realm.AllocateUser on /access/realm/pve',
  ])
    expect(told).toContain(`warn ${one} is missing, which making this fleet anew would need`);
});
