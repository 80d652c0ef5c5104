import { describe, expect, it } from 'vitest';
import { renderPlan, renderPlanMarkdown } from '../../../src/render/plan.ts';
import { renderApply } from '../../../src/render/report.ts';
import { createStyle } from '../../../src/render/style.ts';
import { showChange, showDuration, showValue } from '../../../src/render/values.ts';
import { applied, plan } from './samples.ts';

const style = createStyle({ color: false, width: 100 });

describe('renderPlan', () => {
  it('groups by container, names effects and ends with the counts', () => {
    expect(renderPlan(plan, style)).toBe(`\
  ↓ template       pve1  download debian-13-standard_13.1-2_amd64.tar.zst to local
  + web01     101  pve1  create from debian-13-standard_13.1-2_amd64.tar.zst, then start
                         memory 1GiB · nets.eth0 bridge=vmbr0 ip=10.0.0.11/24
  ~ db01      102  pve2  memory            2GiB → 4GiB  live
                         features.nesting  off → on     after restart
  - old01     105  pve1  stop, then destroy: left the fleet file
  = 2 containers in sync: cache01, cache02

▲ db01 (102): 1 field waits for a restart (--allow restart)

Refused:
  ✖ old01 (105) left the fleet file and would be destroyed
    allow it with --allow destroy

Plan 7f3a91c2: 1 to create, 1 to change, 1 to destroy, 2 unchanged.
`);
  });

  it('tells what is done inside, step by step', () => {
    const inside = (id: string, more: object): unknown => ({
      id,
      kind: id.includes('ready') ? 'container.ready' : 'container.provision',
      target: { key: 'web01', vmid: 101, node: 'pve1' },
      changes: [],
      dependsOn: [],
      risk: 'safe',
      ...more,
    });
    const step = (position: number, to: string, reason: string): unknown =>
      inside(`web01/provision:${position}`, {
        reason,
        changes: [{ field: `provision.${position}`, from: null, to, effect: 'live' }],
        inside: { kind: 'provision', position, of: 4 },
      });
    const checks = [
      { command: 'curl -fsS http://localhost', kind: 'command' },
      { kind: 'port', port: 80 },
      { interface: 'eth0', kind: 'address' },
    ];
    const actions = [
      step(2, 'run make install', 'changed in the file'),
      step(4, `run ${'x'.repeat(200)}`, 'not run yet'),
      inside('web01/ready', { inside: { kind: 'ready', timeoutSeconds: 120, checks } }),
    ] as typeof plan.actions;
    const lines = renderPlan({ ...plan, actions, refusals: [], notices: [] }, style).split('\n');
    expect(lines[0]).toBe('  ~ web01  101  pve1  provision 2 of 4: run make install (changed)');
    expect(lines[1]?.length).toBeLessThanOrEqual(100);
    expect(lines[2]?.trim()).toBe(
      'wait until it is ready: curl -fsS http://localhost, port 80, address eth0',
    );
  });

  it('says what needs root@pam, and gives commands once, roles first', () => {
    const [first, ...rest] = plan.actions;
    const change = {
      field: 'features',
      from: null,
      to: { keyctl: true },
      effect: 'restart',
      needs: 'root@pam',
    };
    const changed = rest.map((action) =>
      action.id === 'db01/configure:restart' ? { ...action, changes: [change] } : action,
    ) as typeof rest;
    const lacking = (path: string, role: string) => ({
      key: 'lab',
      code: 'RIGHTS_MISSING',
      message: `ci@pve lacks VM.Audit on ${path}, needed for db01/create`,
      hint: 'on a node as root: …',
      changes: [],
      commands: [`pveum role add ${role} --privs 'VM.Audit'`, `pveum acl modify ${path} --roles ${role}`],
    });
    const refusals = [lacking('/vms', 'A'), lacking('/pool/x', 'A')];
    const text = renderPlan({ ...plan, actions: first ? [first, ...changed] : [], refusals }, style);
    expect(text).toMatch(/features +unset → keyctl=on +after restart, needs root@pam/);
    expect(text).toContain(`
Refused:
  ✖ ci@pve lacks VM.Audit on /vms, needed for db01/create
  ✖ ci@pve lacks VM.Audit on /pool/x, needed for db01/create

To grant what is missing, on a node as root:
  pveum role add A --privs 'VM.Audit'
  pveum acl modify /vms --roles A
  pveum acl modify /pool/x --roles A
`);
  });

  it('says so when there is nothing to do', () => {
    const empty = {
      ...plan,
      actions: [],
      refusals: [],
      notices: [],
      inSync: [],
      summary: { create: 0, update: 0, destroy: 0, unchanged: 3 },
    };
    expect(renderPlan(empty, style)).toBe('Nothing to do: 3 containers as the file says.\n');
  });

  it('stays within the terminal', () => {
    const cores = { field: 'cores', from: 1, to: 2, effect: 'live', settles: 'later' } as const;
    const wide = { ...cores, field: 'description', to: 'x'.repeat(90) };
    const actions = plan.actions.map((one) =>
      one.kind === 'container.configure' ? { ...one, changes: [...one.changes, cores, wide] } : one,
    );
    const narrow = renderPlan({ ...plan, actions }, createStyle({ color: false, width: 72 }));
    expect(narrow).toMatch(/cores +1 → 2 +live, soon/);
    const tooLong = narrow.split('\n').filter((line) => line.length > 72 && !line.includes('.tar.zst'));
    expect(tooLong).toEqual([]);
  });

  it('writes escape sequences only when colours are on', () => {
    expect(renderPlan(plan, style)).not.toContain('\u001b[');
    expect(renderPlan(plan, createStyle({ color: true }))).toContain('\u001b[');
  });

  it('has a Markdown form for pull requests', () => {
    const text = renderPlanMarkdown(plan);
    expect(text).toContain('### Fleet `lab`: 1 to create, 1 to change, 1 to destroy, 2 unchanged');
    expect(text).toContain('| db01 | 102 | pve2 | container.configure | memory | 2GiB → 4GiB | live |');
    expect(text).toContain('> **Refused:** old01 (105) left the fleet file and would be destroyed');
  });
});

describe('renderApply', () => {
  it('shows each problem with its log and what to do, then the counts', () => {
    expect(renderApply(applied, style)).toBe(`\
▲ web01/create  done with warnings
    WARN: Systemd 257 detected.
✖ db01/configure:live  failed: cannot change db01: no space
    TASK ERROR: no space
    free some space
– 1 step skipped: db01/configure:live failed
▲ still running on the server: UPID:pve1:00000145:0003D734:6B04652B:vzcreate:100:root@pam:
    pvefleet task wait 'UPID:pve1:00000145:0003D734:6B04652B:vzcreate:100:root@pam:'
Applied in part in 4.2 s: 1 done with warnings, 1 failed, 1 skipped.
`);
  });
});

describe('renderApply, warnings', () => {
  it('tells those that are the same once, and of the log only what warns', () => {
    const [one] = applied.actions.filter(({ result }) => result === 'warnings');
    if (!one) throw new Error('the report has no warnings');
    const log = ['extracting archive', 'WARN: Systemd 257 detected.', 'TASK WARNINGS: 1'];
    const many = Array.from({ length: 8 }, (_, index) => ({ ...one, id: `web${index}/create`, log }));
    const text = renderApply({ ...applied, actions: many, runningUpids: [] }, style);
    expect(text.split('\n').slice(0, 3)).toEqual([
      '▲ web0/create, web1/create, web2/create, web3/create, web4/create, web5/create and 2 more  done with warnings',
      '    WARN: Systemd 257 detected.',
      expect.stringMatching(/^Applied /),
    ]);
  });
});

describe('showChange', () => {
  it.each([
    ['2GiB', '4GiB', '2GiB → 4GiB'],
    [null, { bridge: 'vmbr0', ip: 'dhcp' }, 'unset → bridge=vmbr0 ip=dhcp'],
    [
      { bridge: 'vmbr0', ip: 'dhcp', mac: 'AA' },
      { bridge: 'vmbr0', ip: '10.0.0.5/24', mac: 'AA', vlan: 5 },
      'ip=dhcp → ip=10.0.0.5/24 vlan=5',
    ],
    [{ nesting: true, keyctl: true }, { nesting: true }, 'keyctl=on → none'],
    [[{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 3 }], '+ a=3, - a=1'],
    [[{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 1 }], 'another order'],
    [['x'], ['x', 'y'], 'x → x, y'],
  ])('of %j to %j shows what differs', (from, to, text) => {
    expect(showChange(from, to, style)).toBe(text);
  });
});

describe('values', () => {
  it.each([
    [null, 'unset'],
    [true, 'on'],
    ['', '""'],
    ['a\nb\nc', 'a (+2 more lines)'],
    [['x', 'y'], 'x, y'],
    [[], 'none'],
    [{ a: 1, b: null, c: 'd' }, 'a=1 c=d'],
  ])('shows %j as %s', (value, text) => {
    expect(showValue(value)).toBe(text);
  });

  it.each([
    [400, '0.4 s'],
    [12_400, '12 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ])('shows %i ms as %s', (ms, text) => {
    expect(showDuration(ms)).toBe(text);
  });
});
