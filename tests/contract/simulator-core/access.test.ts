/** Logging in, users, tokens, rights, second factors (transport-auth §6–§8), beyond the conformance scenarios. */
import { beforeEach, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../../src/simulator/index.ts';
import { totpCode } from '../../../src/simulator/model/tickets.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';
import { call, login, rootToken, type SimAnswer } from '../../support/simulator.ts';

let sim: Simulator;
let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
  sim = createSimulator({ seed: 'cluster', clock });
});
const get = (path: string, params = {}): Promise<SimAnswer> => call(sim, { path, params });
const send = (method: string, path: string, params = {}): Promise<SimAnswer> =>
  call(sim, { method, path, params });
const ticketFor = (params: Record<string, string>): Promise<SimAnswer> =>
  call(sim, { method: 'POST', path: '/access/ticket', params, as: null });
const as = (userid: string, tokenid: string): string =>
  `PVEAPIToken=${userid}!${tokenid}=${sim.state.users[userid]?.tokens[tokenid]?.secret}`;

describe('tickets', () => {
  test('name the cluster to those who may see it', async () => {
    const root = await ticketFor({ username: 'root@pam', password: sim.credentials.password });
    expect(root.data).toMatchObject({ clustername: 'lab', username: 'root@pam' });
    const student = await ticketFor({ username: 'student@pve', password: 'student-password' });
    expect(student.data).not.toHaveProperty('clustername');
  });
  test('end after two hours and can be renewed before', async () => {
    const first = await login(sim, 'student@pve', 'student-password');
    await clock.advance(3_600_000);
    const renewed = await login(sim, 'student@pve', first.ticket);
    await clock.advance(3_600_001);
    expect((await call(sim, { path: '/version', as: null, headers: first.read })).status).toBe(401);
    expect((await call(sim, { path: '/version', as: null, headers: renewed.read })).status).toBe(200);
  });
  test('need the CSRF token of the same user for writes only', async () => {
    const { read, write } = await login(sim, 'root@pam', sim.credentials.password);
    const other = await login(sim, 'student@pve', 'student-password');
    const create = (headers: Record<string, string>): Promise<SimAnswer> =>
      call(sim, { method: 'POST', path: '/pools', params: { poolid: 'p1' }, as: null, headers });
    expect(await create(read)).toMatchObject({
      status: 401,
      reason: 'Permission denied - invalid csrf token',
    });
    expect((await create({ ...read, CSRFPreventionToken: other.csrf })).status).toBe(401);
    expect((await create(write)).status).toBe(200);
  });
  test('stop working when their user is disabled or expires', async () => {
    const { read } = await login(sim, 'student@pve', 'student-password');
    const look = async (): Promise<number> =>
      (await call(sim, { path: '/version', as: null, headers: read })).status;
    await send('PUT', '/access/users/student@pve', { enable: 0 });
    expect(await look()).toBe(401);
    await send('PUT', '/access/users/student@pve', { enable: 1, expire: Math.floor(clock.now() / 1000) - 1 });
    expect(await look()).toBe(401);
    await send('PUT', '/access/users/student@pve', { expire: 0 });
    expect(await look()).toBe(200);
  });
  test('path and privs only check', async () => {
    const check = (privs: string): Promise<SimAnswer> =>
      ticketFor({ username: 'auditor@pve', password: 'auditor-password', path: '/vms/100', privs });
    expect((await check('VM.Audit')).data).toEqual({ username: 'auditor@pve' });
    expect((await check('VM.Allocate')).status).toBe(401);
  });
});

describe('second factors', () => {
  const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
  const uri = `otpauth://totp/x?secret=${secret}&digits=6`;
  async function addTotp(): Promise<string> {
    const { write } = await login(sim, 'student@pve', 'student-password');
    const answer = await call(sim, {
      method: 'POST',
      path: '/access/tfa/student@pve',
      params: {
        type: 'totp',
        description: 'phone',
        totp: uri,
        value: totpCode(secret, clock.now()),
        password: 'student-password',
      },
      as: null,
      headers: write,
    });
    expect(answer.status).toBe(200);
    return (answer.data as { id: string }).id;
  }
  const secondStep = async (response: string): Promise<SimAnswer> => {
    const first = await ticketFor({ username: 'student@pve', password: 'student-password' });
    const { ticket, NeedTFA } = first.data as { ticket: string; NeedTFA: number };
    expect(NeedTFA).toBe(1);
    return ticketFor({ username: 'student@pve', 'tfa-challenge': ticket, password: response });
  };

  test('a TOTP entry that its user adds is asked for from then on', async () => {
    const id = await addTotp();
    expect((await get('/access/tfa/student@pve')).data).toEqual([
      { id, type: 'totp', description: 'phone', created: expect.any(Number), enable: true },
    ]);
    expect((await secondStep('totp:000000')).status).toBe(401);
    expect((await secondStep(`totp:${totpCode(secret, clock.now())}`)).data).toHaveProperty('cap');
  });
  test('a wrong code or password adds nothing', async () => {
    const { write } = await login(sim, 'student@pve', 'student-password');
    const add = (more: Record<string, string>): Promise<SimAnswer> =>
      call(sim, {
        method: 'POST',
        path: '/access/tfa/student@pve',
        params: { type: 'totp', totp: uri, value: totpCode(secret, clock.now()), ...more },
        as: null,
        headers: write,
      });
    expect(await add({})).toMatchObject({ status: 400, errors: { password: expect.any(String) } });
    expect((await add({ password: 'wrong-password' })).status).toBe(500);
    expect((await add({ password: 'student-password', value: '000000' })).status).toBe(500);
    expect(sim.state.users['student@pve']?.totpSecret).toBeUndefined();
  });
  test('recovery codes work once', async () => {
    const root = await login(sim, 'root@pam', sim.credentials.password);
    const made = await call(sim, {
      method: 'POST',
      path: '/access/tfa/student@pve',
      params: { type: 'recovery' },
      as: null,
      headers: root.write,
    });
    const [code = ''] = (made.data as { recovery: string[] }).recovery;
    expect((await secondStep(`recovery:${code}`)).status).toBe(200);
    expect((await secondStep(`recovery:${code}`)).status).toBe(401);
  });
  test('can be switched off and removed; an unknown one is not found', async () => {
    const id = await addTotp();
    const root = await login(sim, 'root@pam', sim.credentials.password);
    const change = (method: string, entry: string, params = {}): Promise<SimAnswer> =>
      call(sim, { method, path: `/access/tfa/student@pve/${entry}`, params, as: null, headers: root.write });
    expect(await change('DELETE', 'nope')).toMatchObject({ status: 404, reason: "No such tfa entry 'nope'" });
    expect((await change('PUT', id, { enable: 0 })).status).toBe(200);
    expect((await ticketFor({ username: 'student@pve', password: 'student-password' })).data).toHaveProperty(
      'cap',
    );
    expect((await change('DELETE', id)).status).toBe(200);
    expect((await get('/access/tfa')).data).toEqual([]);
  });
});

describe('console tickets', () => {
  test('are good for their owner, container and port, for forty seconds', async () => {
    const ostemplate = Object.values(sim.state.volumes)[0]?.volid ?? '';
    await send('POST', '/nodes/pve1/lxc', { vmid: 100, ostemplate, rootfs: 'local-lvm:1' });
    const { data } = await send('POST', '/nodes/pve1/lxc/100/termproxy');
    const { user: authid, ticket: vncticket, port } = data as { user: string; ticket: string; port: number };
    const verify = (more: Record<string, string> = {}): Promise<SimAnswer> =>
      call(sim, {
        method: 'POST',
        path: '/access/vncticket',
        params: { authid, vncticket, port, path: '/vms/100', privs: 'VM.Console', ...more },
        as: null,
      });
    expect((await verify()).status).toBe(200);
    const refused = { status: 401, reason: 'permission denied - invalid PVEVNC ticket' };
    expect(await verify({ path: '/vms/101' })).toMatchObject(refused);
    expect(await verify({ authid: 'student@pve' })).toMatchObject(refused);
    await clock.advance(41_000);
    expect(await verify()).toMatchObject(refused);
  });
});

describe('passwords', () => {
  test('a user changes his own with the old one, root any', async () => {
    const change = async (
      who: string,
      password: string,
      params: Record<string, string>,
    ): Promise<SimAnswer> =>
      call(sim, {
        method: 'PUT',
        path: '/access/password',
        params: { userid: 'student@pve', ...params },
        as: null,
        headers: (await login(sim, who, password)).write,
      });
    expect(await change('student@pve', 'student-password', { password: 'new-password' })).toMatchObject({
      status: 400,
      errors: { 'confirmation-password': expect.any(String) },
    });
    const confirmed = { password: 'new-password', 'confirmation-password': 'student-password' };
    expect((await change('student@pve', 'student-password', confirmed)).status).toBe(200);
    expect((await change('root@pam', sim.credentials.password, { password: 'by-root-now' })).status).toBe(
      200,
    );
    expect((await ticketFor({ username: 'student@pve', password: 'by-root-now' })).status).toBe(200);
  });
  test("nobody else's", async () => {
    const { write } = await login(sim, 'student@pve', 'student-password');
    const answer = await call(sim, {
      method: 'PUT',
      path: '/access/password',
      params: { userid: 'auditor@pve', password: 'mine-now-1' },
      as: null,
      headers: write,
    });
    expect(answer.status).toBe(403);
  });
});

describe('tokens', () => {
  test('secrets are shown once and can be made anew', async () => {
    const made = await send('POST', '/access/users/student@pve/token/t1', { comment: 'c', privsep: 0 });
    const { value } = made.data as { value: string };
    expect(JSON.stringify((await get('/access/users/student@pve/token')).data)).not.toContain(value);
    const anew = await send('PUT', '/access/users/student@pve/token/t1', {
      regenerate: 1,
      delete: 'comment',
    });
    expect(anew.data).toMatchObject({ 'full-tokenid': 'student@pve!t1', privsep: 0, expire: 0 });
    expect(anew.data).not.toHaveProperty('comment');
    const use = async (secret: string): Promise<number> =>
      (await call(sim, { path: '/version', as: `PVEAPIToken=student@pve!t1=${secret}` })).status;
    expect(await use(value)).toBe(401);
    expect(await use((anew.data as { value: string }).value)).toBe(200);
  });
  test('expire at their second', async () => {
    const now = Math.floor(clock.now() / 1000);
    const made = await send('POST', '/access/users/student@pve/token/t1', { expire: now + 10 });
    const header = `PVEAPIToken=student@pve!t1=${(made.data as { value: string }).value}`;
    expect((await call(sim, { path: '/version', as: header })).status).toBe(200);
    await clock.advance(10_000);
    expect((await call(sim, { path: '/version', as: header })).status).toBe(401);
  });
  test("root's token is not root@pam: what is only for him stays closed", async () => {
    const rootOnly = await call(sim, {
      method: 'POST',
      path: '/cluster/config',
      params: { clustername: 'x' },
      as: rootToken(sim),
    });
    expect(rootOnly).toMatchObject({ status: 403, reason: 'Permission check failed (user != root@pam)' });
  });
});

describe('rights', () => {
  test('who cannot change permissions may hand out only what he has', async () => {
    await send('POST', '/access/roles', { roleid: 'Giver', privs: 'VM.Allocate,VM.Audit' });
    await send('PUT', '/access/acl', { path: '/vms/100', users: 'student@pve', roles: 'Giver' });
    const { write } = await login(sim, 'student@pve', 'student-password');
    const give = (path: string, roles: string): Promise<SimAnswer> =>
      call(sim, {
        method: 'PUT',
        path: '/access/acl',
        params: { path, users: 'auditor@pve', roles },
        as: null,
        headers: write,
      });
    expect((await give('/vms/100', 'Giver')).status).toBe(200);
    expect((await give('/vms/100', 'PVEVMAdmin')).errors).toEqual({
      role: "Cannot add role 'PVEVMAdmin' - requires 'Permissions.Modify' or superset of privileges.",
    });
    expect((await give('/vms/101', 'Giver')).status).toBe(403);
  });
  test('an ACL is replaced, not doubled', async () => {
    const entry = { path: '/vms/100', users: 'student@pve', roles: 'PVEVMUser' };
    await send('PUT', '/access/acl', entry);
    await send('PUT', '/access/acl', { ...entry, propagate: 0 });
    const rows = (await get('/access/acl')).data as { ugid: string; propagate: number }[];
    expect(rows.filter(({ ugid }) => ugid === 'student@pve')).toEqual([
      { path: '/vms/100', type: 'user', ugid: 'student@pve', roleid: 'PVEVMUser', propagate: 0 },
    ]);
  });
  test.each<[method: string, path: string, params: Record<string, string>, want: object]>([
    [
      'POST',
      '/access/roles',
      { roleid: 'PVEmine' },
      { status: 400, errors: { roleid: expect.stringContaining('PVE') } },
    ],
    [
      'PUT',
      '/access/roles/Administrator',
      { privs: 'VM.Audit' },
      { reason: "auto-generated role 'Administrator' cannot be modified" },
    ],
    ['DELETE', '/access/roles/NoSuch', {}, { reason: "delete role failed: role 'NoSuch' does not exist" }],
    ['GET', '/access/roles/NoSuch', {}, { reason: "role 'NoSuch' does not exist" }],
    [
      'PUT',
      '/access/groups/nosuch',
      { comment: 'x' },
      { reason: "update group failed: group 'nosuch' does not exist" },
    ],
    ['GET', '/access/groups/nosuch', {}, { reason: "group 'nosuch' does not exist" }],
    [
      'PUT',
      '/access/users/student@pve',
      { groups: 'nosuch' },
      { reason: "update user failed: no such group 'nosuch'" },
    ],
    [
      'PUT',
      '/access/acl',
      { path: '/vms', tokens: 'student@pve!no', roles: 'NoAccess' },
      { reason: "ACL update failed: no such token 'no' for user 'student@pve'" },
    ],
    [
      'PUT',
      '/access/acl',
      { path: '/vms', groups: 'nosuch', roles: 'NoAccess' },
      { reason: "ACL update failed: group 'nosuch' does not exist" },
    ],
  ])('%s %s %o is refused', async (method, path, params, want) => {
    expect(await send(method, path, params)).toMatchObject(want);
  });
  test('an update replaces groups and privileges, append adds', async () => {
    await send('POST', '/access/groups', { groupid: 'g1' });
    await send('POST', '/access/groups', { groupid: 'g2' });
    const groups = async (params: Record<string, string | number>): Promise<unknown> => {
      await send('PUT', '/access/users/student@pve', params);
      return ((await get('/access/users/student@pve')).data as { groups: string[] }).groups;
    };
    expect(await groups({ groups: 'g1' })).toEqual(['g1']);
    expect(await groups({ groups: 'g2', append: 1 })).toEqual(['g1', 'g2']);
    expect(await groups({ groups: 'g2' })).toEqual(['g2']);
  });
  test('users see themselves, and the members of groups that they look after', async () => {
    const list = async (header: string): Promise<string[]> =>
      ((await call(sim, { path: '/access/users', as: header })).data as { userid: string }[]).map(
        ({ userid }) => userid,
      );
    expect(await list(as('automation@pve', 'fleet'))).toEqual(
      expect.arrayContaining(['root@pam', 'student@pve']),
    );
    await send('POST', '/access/users/student@pve/token/t1', { privsep: 0 });
    expect(await list(as('student@pve', 't1'))).toEqual([]);
    await send('PUT', '/access/acl', {
      path: '/access/groups/instructors',
      users: 'student@pve',
      roles: 'PVEUserAdmin',
    });
    expect(await list(as('student@pve', 't1'))).toEqual(['instructor@pve']);
  });
});

describe('realms', () => {
  test('are kept with their settings; the built-in ones stay', async () => {
    const made = await send('POST', '/access/domains', {
      realm: 'corp',
      type: 'ldap',
      server1: 'ldap.example',
      base_dn: 'dc=example',
      user_attr: 'uid',
      default: 1,
    });
    expect(made.status).toBe(200);
    expect((await get('/access/domains/corp')).data).toMatchObject({
      type: 'ldap',
      server1: 'ldap.example',
      default: 1,
    });
    expect((await send('DELETE', '/access/domains/pam')).status).toBe(500);
    expect((await send('DELETE', '/access/domains/corp')).status).toBe(200);
    expect((await get('/access/domains/corp')).reason).toBe("domain 'corp' does not exist");
  });
});
