/** Sources, HA, firewall and templates in a fleet file: what is accepted, and what is told about the rest. */
import { describe, expect, it } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { load, summary, unmark, withContainer, withEntries } from './support.ts';

const only = (text: string): DesiredContainer => {
  const { fleet, diagnostics } = load(text);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return fleet?.containers[0] as DesiredContainer;
};

describe('is read', () => {
  it('a clone needs neither template nor disk', () => {
    const body = 'from: { clone: golden, full: true, snapshot: before }';
    const text = `version: 1\nfleet: lab\ncontainers:\n  web01: { node: pve1, ${body} }\n`;
    expect(only(text)).toMatchObject({
      template: '',
      rootfs: {},
      from: { clone: 'golden', full: true, snapshot: 'before' },
      power: 'running',
    });
  });

  it('a vmid as source, a backup, and null against a default', () => {
    const text = (body: string): string => withEntries(`web01: ${body}`);
    expect(only(text('{ from: { clone: 250 } }')).from).toEqual({ clone: '250' });
    expect(only(text('{ from: { backup: "nas:backup/vzdump-lxc-100-x.tar.zst" } }')).from).toEqual({
      backup: 'nas:backup/vzdump-lxc-100-x.tar.zst',
    });
    expect(only(withContainer('from: null'))).toMatchObject({
      template: expect.stringContaining('debian-13'),
    });
    expect(only(withContainer('from: null')).from).toBeUndefined();
  });

  it('a template does not run', () => {
    expect(only(withContainer('isTemplate: true'))).toMatchObject({ isTemplate: true, power: 'stopped' });
  });

  it('HA and firewall', () => {
    const text = withContainer(
      `ha: { maxRestart: 2, comment: shop }
firewall:
  enable: true
  policyIn: null
  rules:
    - { type: in, action: ACCEPT, macro: SSH, iface: net0 }
    - { type: group, action: web, enable: false }`,
    );
    expect(only(text)).toMatchObject({
      ha: { maxRestart: 2, comment: 'shop' },
      firewall: {
        enable: true,
        policyIn: null,
        rules: [
          { type: 'in', action: 'ACCEPT', macro: 'SSH', iface: 'net0', enable: true },
          { type: 'group', action: 'web', enable: false },
        ],
      },
    });
    expect(only(withContainer('ha: null')).ha).toBeNull();
  });

  it('every option of a mount', () => {
    const text = withContainer(
      `mounts: { /data: { storage: a1, size: 1GiB, keepAttributes: true, idmap: 'u:0:100000:65536', shared: true } }`,
    );
    expect(only(text).mounts?.['/data']).toMatchObject({
      keepAttributes: true,
      idmap: 'u:0:100000:65536',
      shared: true,
    });
  });
});

describe('is told', () => {
  it.each<[string, string, string]>([
    ['no source', '«from»: {}', 'SPEC_SOURCE'],
    ['two sources', 'from: { clone: a, backup: «a1:backup/x» }', 'SPEC_SOURCE'],
    ['a snapshot of a backup', 'from: { backup: a1:backup/x, snapshot: «s1» }', 'SPEC_SOURCE'],
    ['a full backup', 'from: { backup: a1:backup/x, full: «true» }', 'SPEC_SOURCE'],
    ['a backup that is none', 'from: { backup: «vzdump» }', 'SPEC_VALUE'],
    ['a vmid that is none', 'from: { clone: «7» }', 'SPEC_VMID'],
    ['a reserved snapshot', 'from: { clone: a, snapshot: «current» }', 'SPEC_RESERVED'],
    ['keys of a copy', 'from: { clone: a }\npassword: «${env:PW}»', 'SPEC_UNUSED'],
    ['a template that runs', 'isTemplate: true\npower: «running»', 'SPEC_POWER'],
    ['HA against power', 'power: stopped\nha: { state: «started» }', 'SPEC_POWER'],
    ['power against HA', 'ha: { state: «stopped» }', 'SPEC_POWER'],
    ['an unknown HA state', 'ha: { state: «on» }', 'SPEC_VALUE'],
    ['a policy in small letters', 'firewall: { policyIn: «accept» }', 'SPEC_VALUE'],
    ['a rule without action', 'firewall: { rules: [{ «»type: in }] }', 'SPEC_MISSING'],
    ['a bad port', 'firewall: { rules: [{ type: in, action: DROP, dport: «"80 443"» }] }', 'SPEC_VALUE'],
    [
      'an interface by name',
      'firewall: { rules: [{ type: in, action: DROP, iface: «eth0» }] }',
      'SPEC_VALUE',
    ],
    ['a bad mapping', "rootfs: { storage: a1, size: 1GiB, idmap: «'u:0:1'» }", 'SPEC_VALUE'],
  ])('%s', (_, marked, code) => {
    const body = marked.startsWith('rootfs') ? marked : marked;
    const whole = body.startsWith('rootfs')
      ? `version: 1\nfleet: lab\ncontainers:\n  web01: { node: pve1, template: debian-13, ${body} }\n`
      : withContainer(body);
    const { text, at } = unmark(whole);
    const found = summary(load(text));
    expect(found.map((line) => line.split(' ').at(-1))).toEqual([code]);
    if (code !== 'SPEC_MISSING' && code !== 'SPEC_SOURCE')
      expect(found).toEqual([`fleet.yaml ${at} ${code}`]);
  });
});
