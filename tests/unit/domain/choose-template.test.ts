import { describe, expect, test } from 'vitest';
import { chooseTemplate, lockKeyOf, type TemplateRules } from '../../../src/domain/choose-template.ts';
import { planLock } from '../../../src/domain/lock-templates.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import type { LockedTemplate, TemplateSource } from '../../../src/domain/template-source.ts';
import {
  actionOf,
  desired,
  fleetOf,
  idsOf,
  offered,
  policyOf,
  refusedBy,
  snapshotOf,
  storage,
  stored,
} from '../../support/builders.ts';

const old = 'debian-13-standard_13.1-2_amd64.tar.zst';
const newer = 'debian-13-standard_13.6-1_amd64.tar.zst';
const sum = (digit: string): string => digit.repeat(128);
const pin = (file: string, more: Partial<LockedTemplate> = {}): LockedTemplate => ({
  file,
  source: 'catalogue',
  ...more,
});
const storages = [storage('local', 'pve1'), storage('local', 'pve2')];
const empty = { storages, templates: [], catalogue: [] };
const user = desired('web01', { template: 'debian-13-standard_*', templateName: 'debian-13' });
const code = (choice: ReturnType<typeof chooseTemplate>): unknown =>
  choice.kind === 'missing' ? choice.diagnostic.code : `${choice.kind} ${choice.volid}`;

describe('a locked template', () => {
  const lock = (entry: LockedTemplate): TemplateRules => ({ lock: { 'debian-13': entry } });

  test.each([
    [
      'is used where it is stored, although newer ones are stored and offered',
      pin(old),
      { ...empty, templates: [stored(old), stored(newer)], catalogue: [offered(newer)] },
      `stored local:vztmpl/${old}`,
    ],
    [
      'is downloaded when it is not stored, although newer ones are',
      pin(old, { sha512: sum('a') }),
      {
        ...empty,
        templates: [stored(newer)],
        catalogue: [offered(old, { sha512: sum('A') }), offered(newer)],
      },
      `download local:vztmpl/${old}`,
    ],
    [
      'is refused when the catalogue has moved on',
      pin(old),
      { ...empty, templates: [stored(newer)], catalogue: [offered(newer)] },
      'TEMPLATE_LOCK_GONE',
    ],
    [
      'is refused when it is stored on another node only',
      pin(old),
      { ...empty, templates: [stored(old, { node: 'pve2' })] },
      'TEMPLATE_LOCK_GONE',
    ],
    [
      'is refused when the catalogue has another file under its name',
      pin(old, { sha512: sum('a') }),
      { ...empty, catalogue: [offered(old, { sha512: sum('b') })] },
      'TEMPLATE_LOCK_CHANGED',
    ],
    [
      'is known by its name where it is stored, whatever the catalogue has now',
      pin(old, { sha512: sum('a') }),
      { ...empty, templates: [stored(old)], catalogue: [offered(old, { sha512: sum('b') })] },
      `stored local:vztmpl/${old}`,
    ],
    [
      'is refused when it was locked as something that the file does not say any more',
      pin(old, { source: 'https://example.org/x' }),
      { ...empty, templates: [stored(old)] },
      'TEMPLATE_LOCK_DIFFERS',
    ],
    [
      'needs a storage',
      pin(old),
      { ...empty, storages: [], catalogue: [offered(old)] },
      'TEMPLATE_STORAGE_MISSING',
    ],
  ])('%s', (_, entry, stock, want) => {
    expect(code(chooseTemplate(lock(entry), user, stock))).toBe(want);
  });

  test('is told apart by architecture, and volumes are not locked', () => {
    expect(lockKeyOf(user)).toBe('debian-13');
    expect(lockKeyOf({ ...user, options: { arch: 'arm64' } })).toBe('debian-13/arm64');
    expect(lockKeyOf({ ...user, template: 'local:vztmpl/x.tar' })).toBeUndefined();
  });

  test('names the way out', () => {
    const choice = chooseTemplate(lock(pin(old)), user, empty);
    expect(choice).toMatchObject({
      diagnostic: { hint: expect.stringContaining('template upgrade -f FILE debian-13') },
    });
  });

  test('names of Object are names like others', () => {
    const odd = desired('x', { template: 'constructor' });
    expect(code(chooseTemplate({ lock: {}, sources: {} }, odd, empty))).toBe('TEMPLATE_NOT_FOUND');
  });
});

describe('own templates', () => {
  const file = 'own_1_amd64.tar.zst';
  const mine = desired('web01', { template: file, templateName: 'mine' });
  const url: TemplateSource = { kind: 'url', url: 'https://example.org/x.tar.zst' };
  const oci: TemplateSource = { kind: 'oci', reference: 'docker.io/library/alpine:3.22' };
  const local: TemplateSource = { kind: 'file', path: './x', location: '/srv/x' };
  const read = { sha512: sum('c'), sizeBytes: 5 };

  test.each<
    [name: string, source: TemplateSource, more: object, lock: LockedTemplate | undefined, want: string]
  >([
    ['is fetched', url, {}, undefined, `download local:vztmpl/${file}`],
    ['is known by its name', url, { templates: [stored(file)] }, undefined, `stored local:vztmpl/${file}`],
    ['an image needs 9.1', oci, { version: '9.0.11' }, undefined, 'TEMPLATE_OCI_UNSUPPORTED'],
    ['an image on 9.1', oci, { version: '9.1.2' }, undefined, `download local:vztmpl/${file}`],
    ['an image on 10', oci, { version: '10.0.1' }, undefined, `download local:vztmpl/${file}`],
    ['an image on an unknown version', oci, {}, undefined, `download local:vztmpl/${file}`],
    [
      'an image that is there needs nothing',
      oci,
      { version: '8.4', templates: [stored(file)] },
      undefined,
      `stored local:vztmpl/${file}`,
    ],
    ['a file that was not read yet', local, {}, undefined, `download local:vztmpl/${file}`],
    [
      'a file that cannot be read',
      { ...local, local: { problem: 'gone' } },
      {},
      undefined,
      'TEMPLATE_FILE_UNREADABLE',
    ],
    ['locked as it is', url, {}, pin(file, { source: url.url }), `download local:vztmpl/${file}`],
    [
      'locked from another URL',
      url,
      { templates: [stored(file)] },
      pin(file, { source: 'https://x' }),
      'TEMPLATE_LOCK_DIFFERS',
    ],
    ['locked under another name', url, {}, pin('b.tar', { source: url.url }), 'TEMPLATE_LOCK_DIFFERS'],
    [
      'locked with the checksum of another file',
      { ...local, local: read },
      {},
      pin(file, { source: 'file:./x', sha512: sum('d') }),
      'TEMPLATE_LOCK_DIFFERS',
    ],
    [
      'locked with its checksum',
      { ...local, local: read },
      {},
      pin(file, { source: 'file:./x', sha512: sum('c') }),
      `download local:vztmpl/${file}`,
    ],
    ['without a storage', url, { storages: [] }, undefined, 'TEMPLATE_STORAGE_MISSING'],
  ])('%s', (_, source, more, entry, want) => {
    const rules = { sources: { [file]: source }, ...(entry ? { lock: { mine: entry } } : {}) };
    expect(code(chooseTemplate(rules, mine, { ...empty, ...more }))).toBe(want);
  });

  test.each<[name: string, source: TemplateSource, request: object, kind: string]>([
    [
      'a URL with its checksum',
      { ...url, checksum: { algorithm: 'sha256', value: 'ab' } },
      {
        path: '/nodes/{node}/storage/{storage}/download-url',
        params: {
          node: 'pve1',
          storage: 'local',
          content: 'vztmpl',
          filename: 'x.tar',
          url: url.url,
          checksum: 'ab',
          'checksum-algorithm': 'sha256',
        },
      },
      'template.download',
    ],
    [
      'an image',
      oci,
      {
        path: '/nodes/{node}/storage/{storage}/oci-registry-pull',
        params: { node: 'pve1', storage: 'local', reference: oci.reference, filename: 'x' },
      },
      'template.download',
    ],
    [
      'a file of this machine',
      { ...local, local: read },
      {
        path: '/nodes/{node}/storage/{storage}/upload',
        params: {
          node: 'pve1',
          storage: 'local',
          content: 'vztmpl',
          filename: 'x.tar',
          'checksum-algorithm': 'sha512',
          checksum: sum('c'),
        },
        upload: { path: '/srv/x', sizeBytes: 5 },
      },
      'template.upload',
    ],
  ])('%s is fetched once for all containers, and they wait for it', (_, source, request, kind) => {
    const own = (key: string, node = 'pve1') =>
      desired(key, { node, template: 'x.tar', templateName: 'mine' });
    const fleet = fleetOf([own('a'), own('b'), own('c', 'pve2')], { sources: { 'x.tar': source } });
    const plan = planFleet(fleet, snapshotOf(), policyOf());
    expect(idsOf(plan).slice(0, 2)).toEqual(['template/pve1/local/x.tar', 'template/pve2/local/x.tar']);
    const fetch = actionOf(plan, 'template/pve1/local/x.tar');
    expect(fetch).toMatchObject({
      kind,
      risk: 'safe',
      completes: 'task',
      target: { key: 'x.tar', node: 'pve1' },
    });
    expect(fetch.request).toEqual({ method: 'POST', ...request });
    for (const key of ['a', 'b'])
      expect(actionOf(plan, `${key}/create`)).toMatchObject({
        dependsOn: ['template/pve1/local/x.tar'],
        request: { params: { ostemplate: 'local:vztmpl/x.tar' } },
      });
  });

  test('a shared storage gets it once', () => {
    const nas = ['pve1', 'pve2'].map((node) => storage('nas', node, { shared: true, content: ['vztmpl'] }));
    const snapshot = snapshotOf();
    const own = (key: string, node: string) =>
      desired(key, { node, template: 'x.tar', templateStorage: 'nas' });
    const fleet = fleetOf([own('b', 'pve2'), own('a', 'pve1')], { sources: { 'x.tar': url } });
    const plan = planFleet(fleet, { ...snapshot, storages: [...snapshot.storages, ...nas] }, policyOf());
    expect(idsOf(plan).filter((id) => id.startsWith('template/'))).toEqual(['template/pve1/nas/x.tar']);
  });

  test('what cannot be had is a refusal of its containers', () => {
    const fleet = fleetOf([desired('a', { template: 'x.tar' }), desired('b')], { sources: { 'x.tar': oci } });
    const plan = planFleet(fleet, snapshotOf([], { version: '8.4.1' }), policyOf());
    expect(refusedBy(plan)).toEqual(['TEMPLATE_OCI_UNSUPPORTED']);
    expect(idsOf(plan)).toEqual(['b/create', 'b/start']);
  });
});

describe('the lock file', () => {
  const use = (key: string, node = 'pve1', more: object = {}) =>
    desired(key, { node, template: 'debian-13-standard_*', templateName: 'debian-13', ...more });
  const lockOf = (...args: Parameters<typeof planLock>) => {
    const { moves, kept, problems } = planLock(...args);
    return {
      moves: Object.fromEntries(moves.map(({ name, from, to }) => [name, [from?.file, to.file]])),
      kept,
      problems: problems.map(({ diagnostic }) => diagnostic.code),
    };
  };
  const both = [stored(old), stored(old, { node: 'pve2' })];
  const upgrade = { kind: 'upgrade', names: [] } as const;
  const first = { kind: 'lock' } as const;

  test.each([
    ['what is stored everywhere', { templates: both, catalogue: [offered(newer)] }, old],
    [
      'what is stored here and still offered for there',
      { templates: [stored(old)], catalogue: [offered(old), offered(newer)] },
      old,
    ],
    [
      'the newest, when what is stored here cannot be had there',
      { templates: [stored(old)], catalogue: [offered(newer)] },
      newer,
    ],
    [
      'the newest of those stored everywhere',
      { templates: [...both, stored(newer), stored(newer, { node: 'pve2' })], catalogue: [] },
      newer,
    ],
    [
      'the newest offered, when nothing is stored',
      { templates: [], catalogue: [offered(old), offered(newer)] },
      newer,
    ],
    ['what is stored somewhere, when nothing else is left', { templates: [stored(old)], catalogue: [] }, old],
  ])('pins at first %s', (_, more, want) => {
    const fleet = fleetOf([use('a'), use('b', 'pve2')]);
    expect(lockOf(fleet, { ...empty, ...more }, first).moves).toEqual({ 'debian-13': [undefined, want] });
  });

  test('takes the checksum from the catalogue, also later', () => {
    const stock = { ...empty, templates: both, catalogue: [offered(old, { sha512: sum('A') })] };
    const fleet = fleetOf([use('a')]);
    expect(planLock(fleet, stock, first).moves[0]?.to).toEqual(pin(old, { sha512: sum('a') }));
    const without = { ...fleet, lock: { 'debian-13': pin(old) } };
    expect(planLock(without, stock, first).moves).toMatchObject([
      { from: pin(old), to: { sha512: sum('a') } },
    ]);
    const done = { ...fleet, lock: { 'debian-13': pin(old, { sha512: sum('a') }) } };
    expect(planLock(done, stock, first)).toMatchObject({ moves: [], kept: ['debian-13'] });
  });

  test('keeps what is pinned until it is upgraded, and tells which storages the new one goes to', () => {
    const fleet = fleetOf([use('a'), use('b', 'pve2')], {
      lock: { 'debian-13': pin(old), other: pin('x.tar') },
    });
    const stock = { ...empty, templates: [...both, stored(newer)], catalogue: [offered(newer)] };
    expect(lockOf(fleet, stock, first)).toEqual({ moves: {}, kept: ['debian-13'], problems: [] });
    expect(planLock(fleet, stock, upgrade).moves).toMatchObject([
      {
        name: 'debian-13',
        from: { file: old },
        to: { file: newer },
        storages: [
          { node: 'pve1', storage: 'local', stored: true },
          { node: 'pve2', storage: 'local', stored: false },
        ],
      },
    ]);
  });

  test('never goes back to an older one that the catalogue still has', () => {
    const fleet = fleetOf([use('a')], { lock: { 'debian-13': pin(newer) } });
    const stock = { ...empty, templates: [stored(newer)], catalogue: [offered(old)] };
    expect(lockOf(fleet, stock, upgrade)).toEqual({ moves: {}, kept: ['debian-13'], problems: [] });
  });

  test('upgrades only what is named', () => {
    const fleet = fleetOf([use('a'), use('b', 'pve1', { options: { arch: 'arm64' } })], {
      lock: { 'debian-13': pin(old), 'debian-13/arm64': pin(old.replace('amd64', 'arm64')) },
    });
    const catalogue = [offered(newer), offered(newer.replace('amd64', 'arm64'))];
    const moves = (names: string[]) =>
      Object.keys(lockOf(fleet, { ...empty, catalogue }, { kind: 'upgrade', names }).moves);
    expect(moves([])).toEqual(['debian-13', 'debian-13/arm64']);
    expect(moves(['debian-13/arm64'])).toEqual(['debian-13/arm64']);
  });

  test('follows own templates', () => {
    const own = (checksum: string): TemplateSource => ({
      kind: 'url',
      url: 'https://example.org/x.tar',
      checksum: { algorithm: 'sha512', value: checksum },
    });
    const fleet = fleetOf([desired('a', { template: 'x.tar', templateName: 'mine' })], {
      sources: { 'x.tar': own(sum('a')) },
      lock: { mine: pin('x.tar', { source: 'https://example.org/x.tar', sha512: sum('b') }) },
    });
    expect(planLock(fleet, empty, upgrade).moves[0]?.to).toEqual({
      file: 'x.tar',
      source: 'https://example.org/x.tar',
      sha512: sum('a'),
    });
  });

  test('tells what nothing fits', () => {
    const fleet = fleetOf([use('a'), desired('v', { template: 'local:vztmpl/x.tar' })]);
    expect(lockOf(fleet, empty, first)).toEqual({ moves: {}, kept: [], problems: ['TEMPLATE_NOT_FOUND'] });
  });
});
