/** Single steps: verbs, resize, download. */
import { describe, expect, test } from 'vitest';
import { splitDescription } from '../../../src/codec/description.ts';
import { planDownload } from '../../../src/domain/plan-download.ts';
import { planResize } from '../../../src/domain/plan-resize.ts';
import { planVerb, type Verb, type VerbOptions } from '../../../src/domain/plan-verb.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { type ActualOptions, actionOf, actual, idsOf, policyOf, refusedBy } from '../../support/builders.ts';

const allow = policyOf({ allow: { destroy: true }, maxDestroy: 9 });
const step = (verb: Verb, has: ActualOptions = {}, options: VerbOptions = {}): ReturnType<typeof planVerb> =>
  planVerb(verb, [actual('web', 101, has)], allow, options);

describe('verbs', () => {
  test.each<[Verb, ActualOptions, VerbOptions, string, Record<string, unknown>]>([
    ['start', { status: 'stopped' }, {}, 'status/start', {}],
    ['start', { status: 'unknown' }, {}, 'status/start', {}],
    ['stop', {}, {}, 'status/stop', {}],
    ['stop', {}, { force: true }, 'status/stop', { 'overrule-shutdown': true }],
    ['shutdown', {}, {}, 'status/shutdown', { timeout: 60 }],
    ['shutdown', {}, { timeoutSeconds: 5, force: true }, 'status/shutdown', { timeout: 5, forceStop: true }],
    ['restart', {}, {}, 'status/reboot', {}],
    ['restart', {}, { timeoutSeconds: 7 }, 'status/reboot', { timeout: 7 }],
    ['restart', { status: 'stopped' }, {}, 'status/start', {}],
  ])('%s %j %j', (verb, has, options, path, params) => {
    const plan = step(verb, has, options);
    expect(plan).toMatchObject({ fleet: '', refusals: [], summary: { update: 1 } });
    expect(plan.actions).toMatchObject([{ completes: 'task', reason: 'asked for', target: { key: 'web' } }]);
    expect(plan.actions[0]?.request).toEqual({
      method: 'POST',
      path: `/nodes/{node}/lxc/{vmid}/${path}`,
      params: { node: 'pve1', vmid: 101, ...params },
    });
  });

  test.each<[Verb, ActualOptions, string]>([
    ['start', {}, 'web: container 101 is running already'],
    ['stop', { status: 'stopped' }, 'web: container 101 is stopped already'],
    ['shutdown', { status: 'stopped' }, 'web: container 101 is stopped already'],
  ])('%s has nothing to do %j', (verb, has, message) => {
    expect(step(verb, has)).toMatchObject({
      actions: [],
      refusals: [],
      notices: [{ message }],
      inSync: ['web'],
    });
  });

  test.each<[Verb, ActualOptions, VerbOptions, string[]]>([
    ['start', { status: 'stopped', isTemplate: true }, {}, ['CONTAINER_IS_TEMPLATE']],
    ['start', { status: 'stopped', lock: 'backup' }, {}, ['CONTAINER_LOCKED']],
    ['start', { status: 'stopped', lock: 'mounted' }, {}, []],
    ['delete', {}, {}, ['CONTAINER_RUNNING']],
    ['delete', {}, { force: true }, []],
    ['delete', { status: 'stopped', haState: 'started' }, {}, ['HA_MANAGED']],
    ['delete', { status: 'stopped', haState: 'started' }, { purge: true }, []],
    ['delete', { status: 'stopped', config: { protection: 1 } }, {}, ['CONTAINER_PROTECTED']],
    ['delete', { status: 'stopped', isTemplate: true }, {}, []],
  ])('%s %j %j is refused by %j', (verb, has, options, codes) => {
    expect(refusedBy(step(verb, has, options))).toEqual(codes);
  });

  test('delete stops what runs, and purges only when asked', () => {
    const plan = step('delete', { owner: {} }, { force: true });
    expect(idsOf(plan)).toEqual(['web/stop', 'web/destroy']);
    expect(actionOf(plan, 'web/destroy').request.params).toEqual({ node: 'pve1', vmid: 101 });
    expect(plan.notices).toMatchObject([
      { code: 'OWNED_BY_FLEET', message: expect.stringContaining('lab/web') },
    ]);
    const purged = step('delete', { status: 'stopped' }, { purge: true });
    expect(actionOf(purged, 'web/destroy').request.params).toMatchObject({ purge: true });
    expect(purged.notices).toEqual([]);
  });

  test('delete needs permission, and counts', () => {
    const two = [actual('a', 101, { status: 'stopped' }), actual('b', 102, { status: 'stopped' })];
    expect(refusedBy(planVerb('delete', two, policyOf()))).toEqual([
      'DESTROY_NOT_ALLOWED',
      'DESTROY_NOT_ALLOWED',
    ]);
    expect(refusedBy(planVerb('delete', two, { ...allow, maxDestroy: 1 }))).toEqual(['TOO_MANY_DESTROYED']);
  });

  test('containers of the same name are told apart', () => {
    const twins = [actual('web', 101), actual('web', 102), actual('x', 103, { owner: { key: 'db' } })];
    const { name: _, ...nameless } = actual('', 104);
    const plan = planVerb('stop', [...twins, nameless], allow);
    expect(idsOf(plan).sort()).toEqual(['104/stop', 'db/stop', 'web@101/stop', 'web@102/stop']);
  });
});

describe('resize', () => {
  const resize = (
    has: ActualOptions,
    change: Parameters<typeof planResize>[1],
  ): ReturnType<typeof planResize> => planResize(actual('web', 101, has), change, policyOf());

  test('limits live in one call, the disk in another; nothing else is touched', () => {
    const plan = resize(
      { config: { net0: 'name=eth0,bridge=vmbr0', tags: 'mine', description: 'notes' } },
      { memoryMiB: 2048, cores: 4, cpuLimit: 1.5, cpuUnits: 200, rootfsBytes: 16 * GiB },
    );
    expect(idsOf(plan)).toEqual(['web/configure:live', 'web/resize:rootfs']);
    expect(actionOf(plan, 'web/configure:live').request.params).toEqual({
      node: 'pve1',
      vmid: 101,
      memory: 2048,
      swap: 0,
      cores: 4,
      cpulimit: 1.5,
      cpuunits: 200,
      digest: 'digest-101',
    });
    expect(actionOf(plan, 'web/resize:rootfs').request.params).toMatchObject({ disk: 'rootfs', size: '16G' });
    expect(plan.actions.map(({ risk }) => risk)).toEqual(['safe', 'safe']);
    expect(plan).toMatchObject({ notices: [], refusals: [] });
  });

  test('keeps the owner of an owned container and says that its file may undo it', () => {
    const plan = resize({ owner: { specDigest: 'ff' } }, { memoryMiB: 1024 });
    const params = actionOf(plan, 'web/configure:live').request.params;
    expect(params).not.toHaveProperty('description');
    expect(params).not.toHaveProperty('tags');
    expect(plan.notices).toMatchObject([{ code: 'OWNED_BY_FLEET' }]);
  });

  test('does nothing where nothing differs', () => {
    const plan = resize(
      { owner: {} },
      { memoryMiB: 512, swapMiB: 0, cores: 1, cpuLimit: 0, rootfsBytes: 8 * GiB },
    );
    expect(plan).toMatchObject({ actions: [], notices: [], inSync: ['web'] });
    expect(resize({ status: 'stopped' }, {}).actions).toEqual([]);
  });

  test('what waits for other reasons stays as it is and is not announced', () => {
    const plan = resize({ nextConfig: { tty: 4 } }, { cores: 2 });
    expect(idsOf(plan)).toEqual(['web/configure:live']);
    expect(plan.notices).toEqual([]);
  });

  test.each<[string, ActualOptions, Parameters<typeof planResize>[1], string]>([
    ['a smaller disk', {}, { rootfsBytes: 4 * GiB }, 'DISK_SHRINK'],
    ['a lock', { lock: 'backup' }, { cores: 2 }, 'CONTAINER_LOCKED'],
  ])('is refused by %s', (_, has, change, code) => {
    expect(refusedBy(resize(has, change))).toEqual([code]);
  });

  test('warns of memory below what is used', () => {
    const plan = resize({ config: { memory: 2048 }, usage: { memoryBytes: 600 * MiB } }, { memoryMiB: 512 });
    expect(plan.notices).toMatchObject([{ code: 'MEMORY_BELOW_USAGE' }]);
  });

  test('a digest that was never written is left alone', () => {
    const owned = actual('web', 101, { owner: {} });
    expect(splitDescription(owned.next.description ?? '').ownership).toBeDefined();
    expect(idsOf(planResize(owned, { swapMiB: 128 }, policyOf()))).toEqual(['web/configure:live']);
  });
});

test('a download', () => {
  const plan = planDownload({ template: 'alpine-3.24-default_20260714_amd64.tar.xz' }, 'pve1', 'local');
  expect(plan).toMatchObject({
    fleet: '',
    actions: [
      {
        id: 'template/pve1/local/alpine-3.24-default_20260714_amd64.tar.xz',
        kind: 'template.download',
        request: { params: { node: 'pve1', storage: 'local' } },
      },
    ],
    summary: { create: 0, update: 0, destroy: 0, unchanged: 0 },
  });
  expect(plan.id).toMatch(/^[0-9a-f]{64}$/);
});
