/**
 * What `import` reads, `plan` on it finds equal: random containers with every key that root can set are imported, taken
 * over, and found in sync.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { type ImportDocument, importContainers } from '../../../src/engine/import.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { verify } from '../../../src/engine/verify.ts';
import { loadFleet } from '../../../src/spec/load.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { fleet as randomFleet } from '../../property/domain/arbitraries.ts';
import { container, fleet, policyOf, type TestEngine } from '../../support/engine.ts';
import { fitting, rootEngine } from '../../support/root-engine.ts';
import { call, waitTask } from '../../support/simulator.ts';

const aliases = {
  'alpine-3.22': 'alpine-3.22-default_*',
  'debian-12': 'debian-12-standard_*',
  'debian-13': 'debian-13-standard_*',
  'ubuntu-24.04': 'ubuntu-24.04-standard_*',
};
const all = policyOf({ all: true });
/** As a user who allows nothing in particular. */
const careful = policyOf();

function load(document: ImportDocument): DesiredFleet {
  const { fleet: loaded, diagnostics } = loadFleet({
    file: 'x',
    text: document.yaml,
    aliases,
    readBlueprint: () => undefined,
  });
  expect(diagnostics).toEqual([]);
  return loaded as DesiredFleet;
}

const importAll = (
  engine: TestEngine,
  name?: string,
  names: readonly string[] = [],
): Promise<ImportDocument> =>
  importContainers(engine.context, { names }, { aliases, ...(name === undefined ? {} : { fleet: name }) });

/** A hook script on every node. */
function addHook({ simulator: { state } }: TestEngine): void {
  for (const node of Object.keys(state.nodes)) {
    const volid = 'local:snippets/hook.pl';
    const size = { sizeBytes: 100, usedBytes: 100, ctime: 0, snapshots: [] };
    state.volumes[`${node}|${volid}`] = {
      ...{ volid, storage: 'local', node, content: 'snippets', format: 'snippet' },
      ...size,
    };
  }
}

/** Everything of a fleet is applied, then nobody owns it any more: as if it had been made by hand. */
async function build(engine: TestEngine, file: DesiredFleet): Promise<void> {
  const { plan } = await makePlan(engine.context, file, all);
  const report = await applyPlan(engine.context, plan);
  expect(report.actions.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
}

function disown({ simulator }: TestEngine): void {
  for (const { config } of Object.values(simulator.state.containers)) {
    const rest = (config['description'] ?? '').replace(/\n?<!-- pvefleet .*-->\n?$/, '');
    const tags = (config['tags'] ?? '').split(';').filter((tag) => tag !== '' && tag !== 'pvefleet');
    if (rest === '') delete config['description'];
    else config['description'] = rest;
    if (tags.length === 0) delete config['tags'];
    else config['tags'] = tags.join(';');
  }
}

/** Addresses that a file accepts, each once, and what only root may have. */
function sound(file: DesiredFleet): DesiredFleet {
  let number = 0;
  const containers = file.containers.map((one): DesiredContainer => {
    const nets = Object.entries(one.nets ?? {}).map(([name, { gateway6: _g, mac: _m, ...net }]) => {
      number += 1;
      const gateway = net.gateway ? `10.1.${number}.1` : null;
      const ip = gateway === null && net.ip === 'dhcp' ? 'dhcp' : `10.1.${number}.5/24`;
      return [name, { ...net, ip, gateway, ip6: net.ip6 ? `fd00:${number}::5/64` : null }] as const;
    });
    const mounts = { ...one.mounts, '/media/bind': { source: '/srv/share', readOnly: true } };
    return {
      ...one,
      ...(one.nets ? { nets: Object.fromEntries(nets) } : {}),
      ...(one.mounts ? { mounts } : {}),
      options: { ...one.options, hookscript: 'local:snippets/hook.pl' },
    };
  });
  return { ...file, containers };
}

test('random containers: planned, only the owner changes; applied, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(randomFleet([GiB, 1536 * MiB]), fc.boolean(), async (file, isSound) => {
      const engine = rootEngine();
      addHook(engine);
      await build(engine, isSound ? sound(fitting(file)) : fitting(file));
      disown(engine);
      const { plan: draft } = await makePlan(engine.context, load(await importAll(engine, 'found')), careful);
      expect(draft.refusals).toEqual([]);
      expect(
        draft.actions.flatMap(({ kind, changes }) => [kind, ...changes.map(({ field }) => field)]),
      ).toEqual(draft.actions.flatMap(() => ['container.configure', 'ownership']));
      const document = await importAll(engine, 'found');
      const expected = isSound ? [] : ['NOT_MANAGED'];
      for (const { code, severity } of document.notices)
        if (severity !== 'info') expect(expected).toContain(code);
      const before = structuredClone(engine.simulator.state.containers);
      expect((await applyPlan(engine.context, draft)).summary.ok).toBe(draft.actions.length);
      const after = load(document);
      expect((await makePlan(engine.context, after, careful)).plan.actions).toEqual([]);
      expect((await verify(engine.context, after)).findings).toEqual([]);
      const strip = ({ config: { description: _d, tags: _t, ...rest } }: (typeof before)[number]): unknown =>
        rest;
      for (const [vmid, one] of Object.entries(before))
        expect(strip(engine.simulator.state.containers[Number(vmid)] as typeof one)).toEqual(strip(one));
    }),
    { numRuns: 15, seed: 51 },
  );
}, 120_000);

describe('a fleet that was applied from a file', () => {
  const file = fleet([
    container('web', {
      compute: { cores: 2, cpuLimit: 1.5, cpuUnits: 200, memoryMiB: 512, swapMiB: 0 },
      nets: {
        eth0: { bridge: 'vmbr0', ip: '10.0.0.5/24', gateway: '10.0.0.1', mac: 'BC:24:11:00:00:01', vlan: 7 },
      },
      mounts: { '/data': { storage: 'local-lvm', sizeBytes: 2 * GiB, backup: true, options: ['noatime'] } },
      options: {
        onboot: true,
        tags: ['www'],
        description: 'the front\n\n- door',
        startup: { order: 3, upSeconds: 5 },
        nameservers: ['10.0.0.1', '10.0.0.2'],
        timezone: 'Europe/Vienna',
        cmode: 'shell',
        env: { A: 'b=c' },
      },
    }),
    container('db', {
      compute: { cores: 1, memoryMiB: 512, swapMiB: 0 },
      power: 'stopped',
      unprivileged: false,
      nets: { eth0: { bridge: 'vmbr0', ip: 'dhcp', mac: 'BC:24:11:00:00:02' } },
    }),
  ]);

  test('is imported equal, with its keys and without taking it over', async () => {
    const engine = rootEngine();
    await build(engine, file);
    const document = await importAll(engine);
    expect(document).toMatchObject({ format: 'pvefleet.import/1', fleet: 'lab', notices: [] });
    expect(document.containers).toEqual([
      { key: 'db', vmid: 200, node: 'pve1', adopt: false },
      { key: 'web', vmid: 201, node: 'pve1', adopt: false },
    ]);
    const imported = load(document).containers.map(
      ({ origin: _origin, templateName: _name, options, ...rest }) => {
        const { arch, ostype, ...written } = options;
        expect({ arch, ostype }).toEqual({ arch: 'amd64', ostype: 'debian' });
        return { ...rest, options: written };
      },
    );
    const vmids = { db: 200, web: 201 };
    const byKey = file.containers.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    expect(imported).toEqual(
      byKey.map((one) => ({
        ...one,
        vmid: vmids[one.key as 'db'],
        template: 'debian-12-standard_*',
      })),
    );
    expect((await makePlan(engine.context, load(document), careful)).plan.actions).toEqual([]);
  });

  test('is not given to another one', async () => {
    const engine = rootEngine();
    await build(engine, file);
    await expect(importAll(engine, 'mine')).rejects.toMatchObject({
      exitCode: 6,
      message: 'refused: 200 (lab/db) and 201 (lab/web) belong to another fleet than mine',
      hint: expect.stringContaining('--fleet lab') as string,
    });
  });

  test('says what a part of it would mean', async () => {
    const engine = rootEngine();
    await build(engine, file);
    const { fleet: name, notices } = await importAll(engine, undefined, ['201']);
    expect(name).toBe('lab');
    expect(notices).toMatchObject([
      { code: 'FLEET_INCOMPLETE', message: expect.stringContaining('owns db, too') as string },
    ]);
  });

  test('is refused while two containers carry the same line', async () => {
    const engine = rootEngine();
    await build(engine, file);
    const { containers } = engine.simulator.state;
    const copied = containers[201]?.config['description'] as string;
    (containers[200] as { config: Record<string, string> }).config['description'] = copied;
    await expect(importAll(engine)).rejects.toMatchObject({
      exitCode: 6,
      message: 'refused: 200 and 201 both say that they are lab/web',
    });
  });
});

describe('containers made by hand', () => {
  async function byHand(
    engine: TestEngine,
    vmid: number,
    params: Record<string, string | number>,
  ): Promise<void> {
    const answer = await call(engine.simulator, {
      method: 'POST',
      path: '/nodes/pve1/lxc',
      params: {
        vmid,
        ostemplate: 'local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst',
        rootfs: 'local-lvm:4',
        memory: 512,
        ...params,
      },
    });
    expect((await waitTask(engine.simulator, answer.data)).exitstatus).toMatch(/^(?:OK|WARNINGS.*)$/);
  }

  test('become a short file that says what it is', async () => {
    const engine = rootEngine();
    await byHand(engine, 110, { hostname: 'a.example.org', unprivileged: 1 });
    await byHand(engine, 111, { hostname: 'b', unprivileged: 1, memory: 1024, tags: 'x;y' });
    const { yaml, notices } = await importAll(engine);
    expect(notices).toEqual([]);
    expect(yaml).toBe(`# 2 containers as found by pvefleet import. A plan of this file has nothing to do but
# taking ownership; what is not written here is not managed.
version: 1
fleet: imported
defaults:
  node: pve1
  template: debian-12 # used at creation only; what it was made from is not recorded
  swap: 512MiB
  rootfs:
    storage: local-lvm
    size: 4GiB
  arch: amd64
  ostype: debian
  power: stopped
containers:
  a.example.org:
    vmid: 110
    adopt: true
    memory: 512MiB
  b:
    vmid: 111
    adopt: true
    memory: 1GiB
    tags:
      - x
      - y
`);
  });

  test('what a file cannot say is left out and said', async () => {
    const engine = rootEngine();
    await byHand(engine, 110, { hostname: 'a', net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24' });
    await byHand(engine, 111, {
      hostname: 'b',
      net0: 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24',
    });
    await byHand(engine, 112, { hostname: 'b' });
    await byHand(engine, 113, { hostname: '113' });
    const document = await importAll(engine);
    expect(document.notices.map(({ message }) => message)).toEqual([
      expect.stringContaining("b (111): 'nets' is left out: the address 10.0.0.5 is used by 'a' and 'b'"),
      expect.stringContaining("b-112 (112) is left out: the hostname 'b' is used by"),
    ]);
    expect(document.containers.map(({ key }) => key)).toEqual(['a', 'b', 'ct-113']);
    const { plan } = await makePlan(engine.context, load(document), careful);
    expect(plan.actions.flatMap(({ changes }) => changes.map(({ field }) => field))).toEqual(
      plan.actions.map(() => 'ownership'),
    );
  });

  test('templates, HA and firewall are described as well', async () => {
    const engine = rootEngine();
    await byHand(engine, 110, { hostname: 'a' });
    await byHand(engine, 111, { hostname: 'golden' });
    await byHand(engine, 112, { hostname: 'c' });
    const send = async (method: string, path: string, params = {}): Promise<void> => {
      expect((await call(engine.simulator, { method, path, params })).status).toBe(200);
    };
    await send('POST', '/nodes/pve1/lxc/111/template');
    await send('POST', '/cluster/ha/resources', { sid: 'ct:110', state: 'ignored', comment: 'by hand' });
    await send('POST', '/cluster/ha/resources', { sid: 'ct:112', state: 'stopped', max_restart: 3 });
    await send('PUT', '/nodes/pve1/lxc/112/firewall/options', { enable: 1, policy_in: 'REJECT', dhcp: 0 });
    for (const rule of [
      { type: 'in', action: 'ACCEPT', macro: 'SSH', enable: 1 },
      { type: 'out', action: 'DROP', dest: '10.0.0.0/8' },
    ])
      await send('POST', '/nodes/pve1/lxc/112/firewall/rules', rule);
    await engine.clock.advance(30_000);
    const document = await importAll(engine);
    expect(document.notices).toEqual([]);
    expect(document.yaml).toContain(`    ha:
      state: ignored
      comment: by hand
`);
    expect(document.yaml).toContain(`    ha:
      maxRestart: 3
    firewall:
      enable: true
      policyIn: REJECT
      rules:
        - type: out
          action: DROP
          dest: 10.0.0.0/8
          enable: false
        - type: in
          action: ACCEPT
          macro: SSH
`);
    expect(load(document).containers).toMatchObject([{ key: 'a' }, { isTemplate: true }, { key: 'c' }]);
    const { plan } = await makePlan(engine.context, load(document), careful);
    expect(plan.refusals).toEqual([]);
    expect(plan.actions.flatMap(({ changes }) => changes.map(({ field }) => field))).toEqual(
      Array(3).fill('ownership'),
    );
    const report = await applyPlan(engine.context, plan);
    expect(report.summary.ok).toBe(3);
    expect((await makePlan(engine.context, load(document), careful)).plan.actions).toEqual([]);
    expect((await verify(engine.context, load(document))).findings).toEqual([]);
  });

  test('what an account may not see of HA is told', async () => {
    const engine = rootEngine();
    await byHand(engine, 110, { hostname: 'a' });
    const { state } = engine.simulator;
    state.haResources['ct:110'] = { sid: 'ct:110', state: 'stopped' } as (typeof state.haResources)[string];
    const answers = engine.simulator.fetch.bind(engine.simulator);
    engine.simulator.fetch = (request) =>
      new URL(request.url).pathname.endsWith('/cluster/ha/resources')
        ? Promise.resolve(
            new Response(
              JSON.stringify({ data: null, message: 'Permission check failed (/, Sys.Audit)\n' }),
              {
                status: 403,
                statusText: 'Permission check failed (/, Sys.Audit)',
              },
            ),
          )
        : answers(request);
    const document = await importAll(engine);
    expect(document.notices).toMatchObject([{ code: 'HA_UNREADABLE', severity: 'warning' }]);
    expect(load(document).containers[0]).not.toHaveProperty('ha');
  });

  test('what waits for a restart is described as it will be, and that is said', async () => {
    const engine = rootEngine();
    await byHand(engine, 110, { hostname: 'a' });
    const { data } = await call(engine.simulator, {
      method: 'POST',
      path: '/nodes/pve1/lxc/110/status/start',
    });
    await waitTask(engine.simulator, data);
    await call(engine.simulator, {
      method: 'PUT',
      path: '/nodes/pve1/lxc/110/config',
      params: { cmode: 'shell' },
    });
    const document = await importAll(engine);
    expect(document.notices).toMatchObject([
      { code: 'AWAITING_RESTART', message: 'a (110): cmode: the file has the values of the next start' },
    ]);
    expect(load(document).containers[0]).toMatchObject({ power: 'running', options: { cmode: 'shell' } });
  });

  test('the newest stored template of their distribution is written, else one of the catalogue', async () => {
    const engine = rootEngine();
    for (const [vmid, ostype] of [
      [110, 'ubuntu'],
      [111, 'nixos'],
      [112, 'alpine'],
    ] as const) {
      await byHand(engine, vmid, { hostname: `c${vmid}` });
      (engine.simulator.state.containers[vmid] as { config: Record<string, string> }).config['ostype'] =
        ostype;
    }
    const document = await importAll(engine);
    expect(load(document).containers.map(({ template }) => template)).toEqual([
      'ubuntu-24.04-standard_*',
      'nixos',
      'alpine-3.22-default_*',
    ]);
    expect(document.notices).toMatchObject([{ code: 'TEMPLATE_UNKNOWN' }]);
  });
});
