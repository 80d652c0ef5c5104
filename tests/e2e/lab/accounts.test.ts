/** Accounts of thirty students end to end: sheet and hand-outs, a student's own view, and who comes, goes or moves. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import type { AccountsDocument } from '../../../src/engine/lab/accounts.ts';
import { parseSheet, type SheetRow } from '../../../src/spec/sheet.ts';
import { ensureBuilt } from '../../support/build.ts';
import { type HttpsSimulator, startHttpsSimulator } from '../../support/https-simulator.ts';
import { type CliResult, runCli, temporaryFolder } from '../../support/run-cli.ts';

const cwd = temporaryFolder();
const sheets = join(cwd, 'sheets');
let cluster: HttpsSimulator;
/** Everything that any run has printed or written besides the sheet. */
let said = '';

async function cli(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<CliResult> {
  const result = await runCli(args, { cwd, env: { ...cluster.env, ...env } });
  said += result.stdout + result.stderr;
  return result;
}

const file = `version: 1
fleet: class
vmids: { from: 300, to: 399 }
defaults: { node: pve1, template: alpine, memory: 128MiB, swap: 0MiB, rootfs: { storage: local-lvm, size: 1GiB } }
students:
  roster: students.csv
  nets: { eth0: { bridge: vmbr0, mac: stable, ip: { range: 10.1.1.0/24 } } }
  groups: { A: {}, B: { memory: 256MiB } }
  accounts: {}
`;
interface Person {
  readonly login: string;
  readonly name: string;
  readonly group: string;
}
const everybody: readonly Person[] = Array.from({ length: 30 }, (_, index) => ({
  login: `s${String(index + 1).padStart(2, '0')}`,
  name: `Student ${index + 1}`,
  group: index % 2 === 0 ? 'A' : 'B',
}));
const roster = (people: readonly Person[]): void =>
  writeFileSync(
    join(cwd, 'students.csv'),
    `name,login,group,email\n${people.map(({ name, login, group }) => `${name},${login},${group},${login}@school.example`).join('\n')}\n`,
  );
const sheet = (): SheetRow[] => parseSheet(readFileSync(join(sheets, 'credentials.csv'), 'utf8')) ?? [];
const rowOf = (login: string): SheetRow => {
  const [row, ...others] = sheet().filter((one) => one.login === login);
  if (!row || others.length > 0) throw new Error(`${login} stands ${others.length + 1} times in the sheet`);
  return row;
};
/** Environment of a student's own log-in. */
const as = (userid: string, password: string): Record<string, string | undefined> => ({
  PVEFLEET_TOKEN_ID: undefined,
  PVEFLEET_TOKEN_SECRET: undefined,
  PVEFLEET_USERNAME: userid,
  PVEFLEET_PASSWORD: password,
});
const root = (): Record<string, string | undefined> => {
  const { username, password } = cluster.simulator.credentials;
  return as(username, password);
};
const modeOf = (path: string): number => statSync(path).mode & 0o777;
interface Listed {
  readonly containers: readonly { readonly name: string; readonly vmid: number }[];
}
const seenBy = async (login: string): Promise<string[]> => {
  const { userid, password } = rowOf(login);
  const { code, stdout } = await cli(['list', '-o', 'json'], as(userid, password));
  expect(code).toBe(0);
  return (JSON.parse(stdout) as Listed).containers.map(({ name }) => name);
};
const apply = [
  'apply',
  '-f',
  'class.yaml',
  '--yes',
  '--credentials',
  'sheets',
  '--events-file',
  'events.ndjson',
];

beforeAll(async () => {
  await ensureBuilt();
  cluster = await startHttpsSimulator('small', 200);
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, 'class.yaml'), file);
  roster(everybody);
}, 180_000);
afterAll(() => cluster.close());

it('does nothing without a sheet', { timeout: 60_000 }, async () => {
  cluster.takeWrites();
  const planned = await cli(['plan', '-f', 'class.yaml', '-o', 'json', '--save', 'plan.json']);
  expect(planned.code).toBe(0);
  expect(planned.json<Plan>().summary).toMatchObject({
    create: 30,
    accounts: { create: 30, update: 0, remove: 0 },
  });
  const refused = await cli(['apply', '-f', 'class.yaml', '--yes']);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('--credentials DIR');
  expect((await cli(['apply', '--plan', 'plan.json', '--yes'])).code).toBe(6);
  writeFileSync(join(cwd, 'blocked'), '');
  const unwritable = await cli([...apply.slice(0, 5), 'blocked/sheets']);
  expect(unwritable.code).toBe(2);
  expect(unwritable.stderr).toContain('nothing was changed');
  expect(cluster.takeWrites()).toEqual([]);
});

it('gives everybody an account, and a sheet that nobody else can read', { timeout: 240_000 }, async () => {
  const applied = await cli(apply);
  expect(applied, applied.stderr).toMatchObject({ code: 0 });
  expect(sheet()).toHaveLength(30);
  expect(modeOf(sheets)).toBe(0o700);
  const files = readdirSync(sheets);
  expect(files).toHaveLength(61);
  for (const name of files) expect(modeOf(join(sheets, name))).toBe(0o600);
  const { password, ...row } = rowOf('s07');
  const { vmid } = (await cli(['show', 'student-s07', '-o', 'json'])).json<{ container: { vmid: number } }>()
    .container;
  expect(row).toMatchObject({
    name: 'Student 7',
    group: 'A',
    email: 's07@school.example',
    userid: 's07@pve',
    state: 'in force',
    containers: [`student-s07 (${vmid})`],
    addresses: [expect.stringMatching(/^10\.1\.1\.\d+$/)],
    url: cluster.env['PVEFLEET_URL'],
    consoles: [expect.stringContaining(`vmid=${vmid}`)],
  });
  expect(password).toMatch(/^[a-z2-9]{4}(?:-[a-z2-9]{4}){3}$/);
  for (const ending of ['md', 'html']) {
    const handOut = readFileSync(join(sheets, `s07.${ending}`), 'utf8');
    for (const text of [password, 'Student 7', cluster.env['PVEFLEET_URL'] ?? '', row.addresses[0] ?? ''])
      expect(handOut).toContain(text);
  }
});

it('has nothing left to do', { timeout: 60_000 }, async () => {
  cluster.takeWrites();
  const before = sheet();
  const again = await cli([...apply, '-o', 'json']);
  expect(again.code).toBe(0);
  expect(again.json<{ actions: unknown[] }>().actions).toEqual([]);
  expect(cluster.takeWrites()).toEqual([]);
  expect(sheet()).toEqual(before);
  expect((await cli(['verify', '-f', 'class.yaml'])).code).toBe(0);
  const { accounts } = (
    await cli(['accounts', 'list', '-f', 'class.yaml', '-o', 'json'])
  ).json<AccountsDocument>();
  expect(accounts.filter(({ state }) => state === 'active')).toHaveLength(30);
});

it('shows a student the own container, and no other', { timeout: 60_000 }, async () => {
  expect(await seenBy('s01')).toEqual(['student-s01']);
  const { userid, password } = rowOf('s01');
  const me = as(userid, password);
  const path = (login: string): string => {
    const id = /\((\d+)\)/.exec(rowOf(login).containers[0] ?? '')?.[1];
    return `/nodes/pve1/lxc/${id}/termproxy`;
  };
  expect((await cli(['api', 'POST', path('s01'), '-o', 'json'], me)).code).toBe(0);
  const other = await cli(['api', 'POST', path('s02'), '-o', 'json'], me);
  expect(other.code).toBe(4);
  expect(other.stdout).toContain('VM.Console');
});

it('touches only who comes, goes or moves', { timeout: 120_000 }, async () => {
  const before = new Map(sheet().map((row) => [row.login, row]));
  const people = everybody
    .filter(({ login }) => login !== 's05')
    .map((one) => (one.login === 's06' ? { ...one, group: 'A' } : one));
  roster([...people, { login: 'new', name: '=Eva Neu', group: 'B' }]);
  cluster.takeWrites();
  expect((await cli(apply)).code).toBe(6);
  expect(cluster.takeWrites()).toEqual([]);
  const applied = await cli([...apply, '--allow', 'destroy']);
  expect(applied, applied.stderr).toMatchObject({ code: 0 });
  const writes = cluster.takeWrites();
  const ids = [before.get('s05'), before.get('s06'), rowOf('new')].map(
    (row) => /\((\d+)\)/.exec(row?.containers[0] ?? '')?.[1] ?? '',
  );
  for (const write of writes)
    expect(write).toMatch(
      new RegExp(`/lxc(?:/(?:${ids.join('|')})(?:/|$)|$)|/access/(?:users(?:/s05@pve)?|acl)$|/pools$`),
    );
  expect(writes.filter((write) => /\/access\//.test(write)).toSorted()).toEqual([
    'DELETE /access/users/s05@pve',
    'POST /access/users',
    'PUT /access/acl',
  ]);
  expect(existsSync(join(sheets, 's05.html'))).toBe(false);
  const after = new Map(sheet().map((row) => [row.login, row]));
  expect(after.has('s05')).toBe(false);
  for (const [login, row] of after)
    if (login !== 'new') expect(row.password).toBe(before.get(login)?.password);
  expect(await seenBy('s06')).toEqual(['student-s06']);
  expect(await seenBy('new')).toEqual(['student-new']);
});

it('finds what somebody changed, and mends it', { timeout: 60_000 }, async () => {
  const { state } = cluster.simulator;
  state.acls = state.acls.filter(({ ugid }) => ugid !== 's08@pve');
  const drift = await cli(['verify', '-f', 'class.yaml', '-o', 'json']);
  expect(drift.code).toBe(7);
  expect(drift.json<VerifyReport>().findings).toMatchObject([
    { key: 's08', field: 'acl /pool/class-s08', state: 'missing' },
  ]);
  expect((await cli(['apply', '-f', 'class.yaml', '--yes'])).code).toBe(0);
  expect(await seenBy('s08')).toEqual(['student-s08']);
});

it('sets new passwords, with a login and not with a token', { timeout: 60_000 }, async () => {
  const before = rowOf('s09');
  const rotate = ['accounts', 'rotate', '-f', 'class.yaml', 's09', '--yes', '--credentials', 'sheets'];
  const refused = await cli(rotate);
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('API token');
  expect((await cli(['accounts', 'rotate', '-f', 'class.yaml', 's99', '--yes'], root())).code).toBe(2);
  const rotated = await cli(rotate, root());
  expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
  expect(rowOf('s09').password).not.toBe(before.password);
  expect(await seenBy('s09')).toEqual(['student-s09']);
  expect((await cli(['list'], as('s09@pve', before.password))).code).toBe(4);
  expect(readFileSync(join(sheets, 's09.md'), 'utf8')).toContain(rowOf('s09').password);
});

it('removes accounts at the end of term, and leaves the containers and everybody else', {
  timeout: 90_000,
}, async () => {
  const count = Object.keys(cluster.simulator.state.containers).length;
  const remove = ['accounts', 'remove', '-f', 'class.yaml', '--yes'];
  expect((await cli([...remove, 's10'])).code).toBe(6);
  const one = await cli([...remove, 's10', '--allow', 'destroy', '--credentials', 'sheets']);
  expect(one, one.stderr).toMatchObject({ code: 0 });
  const { users, pools, roles, acls } = cluster.simulator.state;
  expect(Object.keys(users)).not.toContain('s10@pve');
  expect(Object.keys(users)).toContain('s11@pve');
  expect(Object.keys(pools)).not.toContain('class-s10');
  expect(Object.keys(roles)).toContain('class-student');
  expect(acls.some(({ ugid }) => ugid === 's11@pve')).toBe(true);
  const all = await cli([...remove, '--allow', 'destroy']);
  expect(all, all.stderr).toMatchObject({ code: 0 });
  const left = cluster.simulator.state;
  expect(Object.keys(left.users).filter((userid) => /^(?:s\d\d|new)@pve$/.test(userid))).toEqual([]);
  expect(Object.keys(left.pools).filter((pool) => pool.startsWith('class-'))).toEqual([]);
  expect(Object.keys(left.roles)).not.toContain('class-student');
  expect(Object.keys(left.containers)).toHaveLength(count);
});

it('has said no password anywhere', () => {
  const passwords = sheet().map(({ password }) => password);
  expect(passwords.length).toBeGreaterThan(20);
  for (const name of ['events.ndjson', 'plan.json']) said += readFileSync(join(cwd, name), 'utf8');
  expect(said.length).toBeGreaterThan(1_000);
  for (const password of passwords) expect(said).not.toContain(password);
});
