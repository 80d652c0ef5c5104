/** Provisioning and readiness in a fleet file: what is accepted, and what is told about the rest. */
import { describe, expect, it } from 'vitest';
import type { DesiredContainer } from '../../../src/domain/desired.ts';
import { load, summary, unmark, withContainer } from './support.ts';

const only = (body: string): DesiredContainer => {
  const { fleet, diagnostics } = load(withContainer(body), {}, { resolvePath: (path) => `/home/me/${path}` });
  expect(diagnostics).toEqual([]);
  return fleet?.containers[0] as DesiredContainer;
};

describe('is read', () => {
  it('steps of all kinds, in their order', () => {
    const { provision } = only(`cmode: shell
provision:
  - packages: [nginx, curl]
  - packages: git make
  - name: the pages
    copy: { from: site, to: /var/www/html, mode: '0644', owner: www-data:www-data }
  - run: |
      make install
    env: { TOKEN: '\${env:TOKEN}', STAGE: test, EMPTY: '' }
    timeout: 1h30min
  - service: { name: nginx, state: running, enabled: true }`);
    expect(provision).toEqual([
      { kind: 'packages', packages: ['nginx', 'curl'], timeoutSeconds: 1800 },
      { kind: 'packages', packages: ['git', 'make'], timeoutSeconds: 1800 },
      {
        kind: 'copy',
        name: 'the pages',
        from: 'site',
        location: '/home/me/site',
        to: '/var/www/html',
        mode: '0644',
        owner: 'www-data:www-data',
        timeoutSeconds: 1800,
      },
      {
        kind: 'run',
        script: 'make install\n',
        env: { TOKEN: { $secret: 'env:TOKEN' }, STAGE: 'test', EMPTY: '' },
        timeoutSeconds: 5400,
      },
      { kind: 'service', service: 'nginx', state: 'running', enabled: true, timeoutSeconds: 1800 },
    ]);
  });

  it('readiness, of addresses without a shell', () => {
    expect(only('nets: { eth0: { bridge: vmbr0 } }\nready: { checks: [{ address: eth0 }] }').ready).toEqual({
      timeoutSeconds: 120,
      checks: [{ kind: 'address', interface: 'eth0' }],
    });
    expect(
      only(
        'cmode: shell\nready: { timeout: 30s, checks: [{ command: "true" }, { port: 80 }, { file: /run/x }] }',
      ).ready,
    ).toEqual({
      timeoutSeconds: 30,
      checks: [
        { kind: 'command', command: 'true' },
        { kind: 'port', port: 80 },
        { kind: 'file', path: '/run/x' },
      ],
    });
  });

  it('null and an empty list as nothing, so that defaults can be switched off', () => {
    const container = only('provision: null\nready: null');
    expect([container.provision, container.ready]).toEqual([undefined, undefined]);
    expect(only('provision: []').provision).toBeUndefined();
  });
});

describe('is refused', () => {
  it.each([
    ['no shell on the console', '«provision»: [{ run: x }]', 'SPEC_CMODE'],
    ['another mode of the console', 'cmode: «tty»\nprovision: [{ run: x }]', 'SPEC_CMODE'],
    [
      'a check inside without a shell',
      'nets: { eth0: { bridge: vmbr0 } }\n«ready»: { checks: [{ address: eth0 }, { port: 80 }] }',
      'SPEC_CMODE',
    ],
    ['a template', 'cmode: shell\nisTemplate: true\n«provision»: [{ run: x }]', 'SPEC_STEP'],
    ['two kinds in one step', 'cmode: shell\nprovision:\n  - run: x\n    «packages»: [git]', 'SPEC_STEP'],
    ['a step of no kind', 'cmode: shell\nprovision: [«{ name: x }»]', 'SPEC_STEP'],
    ['an unknown kind', 'cmode: shell\nprovision: [{ «script»: x }]', 'SPEC_UNKNOWN_KEY'],
    ['a copy to nowhere', 'cmode: shell\nprovision: [{ «copy»: { from: x } }]', 'SPEC_MISSING'],
    ['a relative target', 'cmode: shell\nprovision: [{ copy: { from: x, to: «www» } }]', 'SPEC_VALUE'],
    ['the root as target', 'cmode: shell\nprovision: [{ copy: { from: x, to: «/» } }]', 'SPEC_VALUE'],
    [
      'a mode that YAML has read as a number',
      'cmode: shell\nprovision: [{ copy: { from: x, to: /y, mode: «0644» } }]',
      'SPEC_VALUE',
    ],
    ['an option as package', "cmode: shell\nprovision: [{ packages: [«'-y'»] }]", 'SPEC_VALUE'],
    [
      'a service with nothing to do',
      'cmode: shell\nprovision: [{ service: «{ name: nginx }» }]',
      'SPEC_STEP',
    ],
    [
      'variables of a service',
      'cmode: shell\nprovision: [{ service: { name: a, enabled: true }, «env»: { A: b } }]',
      'SPEC_STEP',
    ],
    ['a bad name of a variable', 'cmode: shell\nprovision: [{ run: x, env: { 1A: «b» } }]', 'SPEC_NAME'],
    [
      'a reference that is none',
      "cmode: shell\nprovision: [{ run: x, env: { A: «'${env:1}'» } }]",
      'SPEC_SECRET',
    ],
    ['a time without unit', 'cmode: shell\nprovision: [{ run: x, timeout: «"5"» }]', 'SPEC_DURATION'],
    [
      'a time that is far too long',
      `cmode: shell\nprovision: [{ run: x, timeout: «"${'1'.repeat(40)}!"» }]`,
      'SPEC_DURATION',
    ],
    ['a day and more', 'cmode: shell\nprovision: [{ run: x, timeout: «25h» }]', 'SPEC_RANGE'],
    ['an empty script', "cmode: shell\nprovision: [{ run: «''» }]", 'SPEC_VALUE'],
    ['readiness without checks', 'cmode: shell\n«ready»: { timeout: 1min }', 'SPEC_MISSING'],
    ['two things in one check', 'cmode: shell\nready: { checks: [{ port: 80, «file»: /x }] }', 'SPEC_STEP'],
    [
      'an interface that the file does not have',
      'nets: { eth0: { bridge: vmbr0 } }\nready: { checks: [{ address: eth0 }, { address: «eth1» }] }',
      'SPEC_INTERFACE',
    ],
    [
      'an interface that the file takes away',
      'nets: { eth0: { bridge: vmbr0 }, eth1: null }\nready: { checks: [{ address: «eth1» }] }',
      'SPEC_INTERFACE',
    ],
    [
      'an interface of a new container that has none',
      'ready: { checks: [{ address: «eth0» }] }',
      'SPEC_INTERFACE',
    ],
    ['a port that is none', 'cmode: shell\nready: { checks: [{ port: «70000» }] }', 'SPEC_RANGE'],
  ])('%s', (_, marked, code) => {
    const { text, at } = unmark(withContainer(marked));
    expect(summary(load(text))).toEqual([`fleet.yaml ${at} ${code}`]);
  });

  it.each([
    ['of the source of a copy', 'from: { clone: base }\nready: { checks: [{ address: eth0 }] }'],
    ['that is there already', 'vmid: 100\nadopt: true\nready: { checks: [{ address: eth0 }] }'],
  ])('but not an interface %s', (_, body) => {
    expect(load(withContainer(body)).diagnostics.map(({ code }) => code)).not.toContain('SPEC_INTERFACE');
  });

  it('and an interface of another kind is doubted only, as something inside may make it', () => {
    const nets = 'nets: { eth0: { bridge: vmbr0 } }';
    const severities = ['docker0', 'eth1'].map(
      (name) =>
        load(withContainer(`${nets}\nready: { checks: [{ address: ${name} }] }`)).diagnostics[0]?.severity,
    );
    expect(severities).toEqual(['warning', 'error']);
  });

  it('what is to be copied and is not there, where somebody looks', () => {
    const marked = 'cmode: shell\nprovision:\n  - run: x\n  - copy: { from: «site», to: /www }';
    const { text, at } = unmark(withContainer(marked));
    expect(load(text).diagnostics).toEqual([]);
    const lookAt = (path: string) => (path === '/work/site' ? 'there is no such file' : undefined);
    const found = load(text, {}, { lookAt, resolvePath: (path) => `/work/${path}` });
    expect(summary(found)).toEqual([`fleet.yaml ${at} SPEC_FILE`]);
    expect(found.diagnostics[0]).toMatchObject({
      message: "'site' cannot be copied: there is no such file",
      hint: 'it is looked for at /work/site',
    });
    expect(load(text, {}, { lookAt, resolvePath: (path) => `/home/${path}` }).diagnostics).toEqual([]);
  });

  it('and says what a shell on the console means', () => {
    const { diagnostics } = load(withContainer('provision: [{ run: x }]'));
    expect(diagnostics[0]?.hint).toContain("write 'cmode: shell'");
    expect(diagnostics[0]?.hint).toContain('without login');
  });
});
