import { describe, expect, it } from 'vitest';
import { renderPlan, renderPlanMarkdown } from '../../../src/render/plan.ts';
import { renderApply } from '../../../src/render/report.ts';
import { createStyle, type Style } from '../../../src/render/style.ts';
import { showChange, showDuration, showValue } from '../../../src/render/values.ts';
import { applied, plan } from './samples.ts';

const style = createStyle({ color: false, width: 100 });
const terminal = (width: number): Style => createStyle({ color: false, width, isTerminal: true });

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
    const lines = renderPlan({ ...plan, actions, refusals: [], notices: [] }, terminal(100)).split('\n');
    expect(lines[0]).toBe('  ~ web01  101  pve1  provision 2 of 4: run make install (changed)');
    expect(lines.slice(1, 4).join('').replaceAll(' ', '')).toContain(`run${'x'.repeat(200)}`);
    expect(lines[4]?.trim()).toBe(
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
    const narrow = renderPlan({ ...plan, actions }, terminal(72));
    expect(narrow).toMatch(/cores +1 → 2 +live, soon/);
    expect(narrow.split('\n').filter((line) => line.length > 72)).toEqual([]);
    const whole = narrow.replaceAll(/\s/g, '');
    // all of it is there, in two changes, whatever stands beside its lines
    expect((whole.match(/x{5,}/g) ?? []).join('')).toHaveLength(180);
    expect(whole).toContain('debian-13-standard_13.1-2_amd64.tar.zst,thenstart');
  });

  it('breaks lines at spaces, under their own column, and only on a terminal', () => {
    const message = `db01 (102): ${'one more field waits for a restart, '.repeat(5)}and that is all`;
    const notices = [{ severity: 'warning', code: 'RESTART_DUE', message, hint: '--allow restart' }] as const;
    const refusals = plan.refusals.flatMap((one) => [one, { ...one, key: 'old02', message }]);
    const many = { ...plan, notices, refusals };
    expect(renderPlan(many, style)).toContain(`▲ ${message} (--allow restart)\n`);
    const lines = renderPlan(many, terminal(80)).split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const first = lines.findIndex((line) => line.startsWith('▲'));
    const last = lines.indexOf('Refused:');
    expect(lines[first + 1]).toMatch(/^ {2}\S/);
    expect(
      lines
        .slice(first, last)
        .map((line) => line.trim())
        .join(' '),
    ).toBe(`▲ ${message} (--allow restart) `);
    // advice that two have in common comes once
    expect(lines.filter((line) => line === '    allow it with --allow destroy')).toHaveLength(1);
  });

  it('puts texts below the names where there is no room beside them', () => {
    const key = 'student-aleksandar-petrovic';
    const actions = plan.actions
      .filter(({ target }) => target.key === 'web01')
      .map((one) => ({ ...one, target: { ...one.target, key } }));
    const text = renderPlan({ ...plan, actions, refusals: [], notices: [], inSync: [] }, terminal(80));
    expect(text.split('\n').slice(0, 3)).toEqual([
      `  + ${key}  101  pve1`,
      '      create from debian-13-standard_13.1-2_amd64.tar.zst, then start',
      '      hostname web01 · memory 1GiB · nets.eth0 bridge=vmbr0 ip=10.0.0.11/24',
    ]);
  });

  it('tells containers that are made alike once, with what differs', () => {
    const sample = plan.actions.filter(({ target }) => target.key === 'web01');
    const change = (field: string, to: string) => ({ field, from: null, to, effect: 'live' as const });
    const made = (key: string, vmid: number, more: Readonly<Record<string, string>> = {}) =>
      sample.map((one) => ({
        ...one,
        id: one.id.replace('web01', key),
        target: { ...one.target, key, vmid },
        changes:
          one.kind === 'container.create'
            ? Object.entries({ memory: '1GiB', cores: '1', tags: 'a', ip: `10.0.0.${vmid}`, ...more }).map(
                ([field, to]) => change(field, to),
              )
            : [],
      }));
    const provision = (key: string, vmid: number, to: string) =>
      [1, 2].map((position) => ({
        ...(sample[0] as (typeof sample)[number]),
        id: `${key}/provision:${position}`,
        kind: 'container.provision' as const,
        target: { key, vmid, node: 'pve1' },
        reason: 'not run yet',
        changes: [change('provision', `${to} ${position}`)],
        inside: { kind: 'provision' as const, position, of: 2, run: to, timeoutSeconds: 60 },
      }));
    const actions = [
      ...made('s1', 201),
      ...provision('s1', 201, 'make'),
      ...made('s2', 202),
      ...provision('s2', 202, 'make'),
      ...made('s3', 203, { memory: '2GiB', cores: '2', tags: 'b' }),
      ...provision('s3', 203, 'make'),
      ...made('s4', 204, { onboot: 'on' }),
      ...provision('s4', 204, 'other'),
    ] as unknown as typeof plan.actions;
    const all = { ...plan, actions, refusals: [], notices: [], inSync: [] };
    const from = 'create from debian-13-standard_13.1-2_amd64.tar.zst, then start';
    expect(renderPlan(all, style)).toContain(`\
  + s1    201  pve1  ${from}
                     memory 1GiB · cores 1 · tags a · ip 10.0.0.201
                     provision 1 of 2: make 1
                     provision 2 of 2: make 2
  + s2    202  pve1  as s1
                     ip 10.0.0.202
  + s3    203  pve1  ${from}
                     memory 2GiB · cores 2 · tags b · ip 10.0.0.203
                     provision as s1
  + s4    204  pve1  ${from}
                     memory 1GiB · cores 1 · tags a · ip 10.0.0.204 · onboot on
                     provision 1 of 2: other 1
                     provision 2 of 2: other 2
`);
    const markdown = renderPlanMarkdown(all).split('\n');
    expect(markdown.filter((line) => line.includes('container.provision'))).toEqual([
      '| s1 | 201 | pve1 | container.provision | provision | unset → make 1 | live |',
      '| s1 | 201 | pve1 | container.provision | provision | unset → make 2 | live |',
      '| s2 | 202 | pve1 | container.provision |  | as s1 |  |',
      '| s3 | 203 | pve1 | container.provision |  | as s1 |  |',
      '| s4 | 204 | pve1 | container.provision | provision | unset → other 1 | live |',
      '| s4 | 204 | pve1 | container.provision | provision | unset → other 2 | live |',
    ]);
  });

  it('says a notice of several containers once, with all names', () => {
    const notice = (message: string) => ({ severity: 'warning', code: 'X', message, hint: 'look' }) as const;
    const notices = [
      notice('a1: it goes'),
      notice('b1: it stays'),
      notice('a2: it goes'),
      notice('a3: it goes'),
    ];
    expect(renderPlan({ ...plan, notices }, style)).toContain(`
▲ a1: it goes (look)
  likewise a2, a3
▲ b1: it stays (look)

`);
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

describe('renderApply, what was not tried', () => {
  it('tells many reasons by one of them, and common advice once', () => {
    const failing = applied.actions.filter(({ result }) => result === 'failed');
    const [one] = applied.actions.filter(({ result }) => result === 'skipped');
    if (!one?.error) throw new Error('the report has nothing that was skipped');
    const { error } = one;
    const skipped = Array.from({ length: 8 }, (_, index) => ({
      ...one,
      error: { ...error, message: `not tried: s${index}/create did not succeed` },
    }));
    const text = renderApply({ ...applied, actions: [...failing, ...failing, ...skipped] }, style);
    expect(text).toContain(
      '– 8 steps skipped: not tried: s0/create did not succeed (and 7 more such reasons)\n',
    );
    expect(text.match(/free some space/g)).toHaveLength(1);
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
