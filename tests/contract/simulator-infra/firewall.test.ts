import { describe, expect, test } from 'vitest';
import { type Lab, makeContainer, makeLab, type Params, type Row } from './support.ts';

const ct = '/nodes/pve1/lxc/200/firewall';
const scopes = ['/cluster/firewall', '/nodes/pve1/firewall', ct];
/** Digest of no bytes at all. */
const emptyDigest = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';

async function one(): Promise<Lab> {
  const lab = makeLab();
  await makeContainer(lab, 200);
  return lab;
}

test.each(scopes)('%s: options are empty at first, kept, and protected by their digest', async (base) => {
  const lab = await one();
  expect(await lab.ok('GET', `${base}/options`)).toEqual({ digest: emptyDigest });
  await lab.ok('PUT', `${base}/options`, { enable: 1, digest: emptyDigest });
  const options = (await lab.ok('GET', `${base}/options`)) as Row;
  expect(options).toMatchObject({ enable: 1 });
  expect(await lab.call('PUT', `${base}/options`, { enable: 0, digest: emptyDigest })).toMatchObject({
    status: 500,
    reason: 'detected modified configuration - file changed by other user? Try again.',
  });
  await lab.ok('PUT', `${base}/options`, { delete: 'enable' });
  expect(await lab.ok('GET', `${base}/options`)).toEqual({ digest: emptyDigest });
});

/** Destination ports of the rules, in order. */
const ports = async (lab: Lab, base: string): Promise<unknown[]> =>
  ((await lab.ok('GET', `${base}/rules`)) as Row[]).map((row) => row['dport']);

test.each(scopes)(
  '%s: a new rule comes first and is switched off; rules move, change and go',
  async (base) => {
    const lab = await one();
    for (const dport of ['1', '2', '3'])
      await lab.ok('POST', `${base}/rules`, { type: 'in', action: 'ACCEPT', proto: 'tcp', dport });
    expect(await ports(lab, base)).toEqual(['3', '2', '1']);
    expect(await lab.ok('GET', `${base}/rules/0`)).toMatchObject({
      enable: 0,
      pos: 0,
      type: 'in',
      action: 'ACCEPT',
    });
    await lab.ok('PUT', `${base}/rules/0`, { moveto: 3 });
    expect(await ports(lab, base)).toEqual(['2', '1', '3']);
    await lab.ok('PUT', `${base}/rules/2`, { moveto: 1 });
    expect(await ports(lab, base)).toEqual(['2', '3', '1']);
    await lab.ok('PUT', `${base}/rules/1`, { enable: 1, comment: 'c' });
    await lab.ok('PUT', `${base}/rules/1`, { delete: 'comment' });
    expect(await lab.ok('GET', `${base}/rules/1`)).toMatchObject({ enable: 1, dport: '3' });
    await lab.ok('DELETE', `${base}/rules/1`);
    expect(await ports(lab, base)).toEqual(['2', '1']);
    expect(await lab.call('GET', `${base}/rules/2`)).toMatchObject({
      status: 500,
      reason: 'no rule at position 2',
    });
  },
);

test.each<[Params, Readonly<Record<string, string>>]>([
  [{ type: 'in', action: 'PERHAPS' }, { action: "unknown action 'PERHAPS'" }],
  [{ type: 'group', action: 'nosuch' }, { action: "no such security group 'nosuch'" }],
  [{ type: 'in', action: 'ACCEPT', macro: 'Nosuch' }, { macro: "unknown macro 'Nosuch'" }],
  [
    { type: 'in', action: 'ACCEPT', dport: '22' },
    { proto: "missing property - 'dport' requires this property" },
  ],
  [
    { type: 'in', action: 'ACCEPT', iface: 'vmbr0' },
    { iface: 'value does not look like a valid interface name' },
  ],
])('a rule %o is refused', async (params, errors) => {
  const lab = await one();
  expect(await lab.call('POST', `${ct}/rules`, params)).toMatchObject({ status: 400, errors });
});

describe('what rules refer to', () => {
  test('aliases ignore case and can be renamed', async () => {
    const lab = await one();
    await lab.ok('POST', `${ct}/aliases`, { name: 'Web', cidr: '10.0.0.5', comment: 'x' });
    expect(await lab.call('POST', `${ct}/aliases`, { name: 'web', cidr: '10.0.0.6' })).toMatchObject({
      status: 400,
      errors: { name: "alias 'web' already exists" },
    });
    await lab.ok('PUT', `${ct}/aliases/WEB`, { cidr: '10.0.0.7', rename: 'front' });
    expect(await lab.ok('GET', `${ct}/aliases`)).toMatchObject([{ name: 'front', cidr: '10.0.0.7' }]);
    await lab.ok('DELETE', `${ct}/aliases/front`);
    expect(await lab.call('GET', `${ct}/aliases/front`)).toMatchObject({
      status: 400,
      errors: { name: 'no such alias' },
    });
  });

  test('sets hold addresses; only empty ones can be removed', async () => {
    const lab = await one();
    await lab.ok('POST', `${ct}/ipset`, { name: 'staff', comment: 'c' });
    await lab.ok('POST', `${ct}/ipset/staff`, { cidr: '10.0.0.0/24' });
    await lab.ok('POST', `${ct}/ipset/staff`, { cidr: '10.0.0.9', nomatch: 1 });
    expect(await lab.call('POST', `${ct}/ipset/staff`, { cidr: '10.0.0.9' })).toMatchObject({
      errors: { cidr: "address '10.0.0.9' already exists" },
    });
    expect(await lab.ok('GET', `${ct}/ipset/staff`)).toMatchObject([
      { cidr: '10.0.0.9', nomatch: 1 },
      { cidr: '10.0.0.0/24' },
    ]);
    expect(await lab.call('DELETE', `${ct}/ipset/staff`)).toMatchObject({
      reason: "IPSet 'staff' is not empty",
    });
    await lab.ok('DELETE', `${ct}/ipset/staff/10.0.0.9`);
    await lab.ok('DELETE', `${ct}/ipset/staff/${encodeURIComponent('10.0.0.0/24')}`);
    await lab.ok('DELETE', `${ct}/ipset/staff`);
    expect(await lab.call('GET', `${ct}/ipset/staff`)).toMatchObject({ reason: "no such IPSet 'staff'" });
  });

  test('references: those of the datacenter and the own ones', async () => {
    const lab = await one();
    await lab.ok('POST', '/cluster/firewall/aliases', { name: 'gate', cidr: '10.0.0.1' });
    await lab.ok('POST', `${ct}/ipset`, { name: 'staff' });
    expect(await lab.ok('GET', `${ct}/refs`)).toEqual([
      { type: 'alias', name: 'gate', ref: 'dc/gate', scope: 'dc' },
      { type: 'ipset', name: 'staff', ref: '+guest/staff', scope: 'guest' },
    ]);
    expect(await lab.ok('GET', `${ct}/refs`, { type: 'alias' })).toHaveLength(1);
  });

  test('security groups have rules of their own, and rules may use them', async () => {
    const lab = await one();
    await lab.ok('POST', '/cluster/firewall/groups', { group: 'webs', comment: 'c' });
    await lab.ok('POST', '/cluster/firewall/groups/webs', { type: 'in', action: 'ACCEPT', macro: 'HTTPS' });
    await lab.ok('POST', `${ct}/rules`, { type: 'group', action: 'webs', enable: 1 });
    expect(await lab.ok('GET', '/cluster/firewall/groups')).toMatchObject([{ group: 'webs', comment: 'c' }]);
    expect(await lab.call('DELETE', '/cluster/firewall/groups/webs')).toMatchObject({
      reason: "Security group 'webs' is not empty",
    });
    await lab.ok('DELETE', '/cluster/firewall/groups/webs/0');
    await lab.ok('DELETE', '/cluster/firewall/groups/webs');
  });
});

test('settings go with the container, and need its rights', async () => {
  const lab = await one();
  await lab.ok('PUT', `${ct}/options`, { enable: 1 });
  expect(await lab.call('PUT', `${ct}/options`, { enable: 0 }, 'auditor')).toMatchObject({ status: 403 });
  await lab.task('DELETE', '/nodes/pve1/lxc/200');
  expect(await lab.call('GET', `${ct}/options`)).toMatchObject({
    status: 500,
    reason: "Configuration file 'nodes/pve1/lxc/200.conf' does not exist",
  });
  await makeContainer(lab, 200);
  expect(await lab.ok('GET', `${ct}/options`)).toEqual({ digest: emptyDigest });
});
