import { describe, expect, test } from 'vitest';
import { parseTemplateName, resolveTemplate, templateStorages } from '../../../src/domain/appliance.ts';
import { debian, offered, storage, stored } from '../../support/builders.ts';

const catalogue = [
  'alpine-3.9-default_20240101_amd64.tar.xz',
  'alpine-3.24-default_20260714_amd64.tar.xz',
  'archlinux-base_20260420-1_amd64.tar.zst',
  'centos-10-stream-default_20260713_amd64.tar.xz',
  'debian-12-standard_12.12-1_amd64.tar.zst',
  'debian-12-turnkey-core_18.1-1_amd64.tar.gz',
  'debian-13-standard_13.6-1_amd64.tar.zst',
  'debian-13-standard_13.10-1_amd64.tar.zst',
  'debian-13-standard_13.10-1_arm64.tar.zst',
  'devuan-5.0-standard_5.0_amd64.tar.gz',
  'gentoo-current-openrc_20250508_amd64.tar.xz',
  'ubuntu-25.04-standard_25.04-1_amd64.tar.zst',
  'ubuntu-25.04-standard_25.04-1.1_amd64.tar.zst',
].map((file) => offered(file));
const storages = [
  storage('zfs', 'pve1'),
  storage('local', 'pve1'),
  storage('nas', 'pve1', { content: ['iso'] }),
];
const place = { node: 'pve1' };
const nothing = { storages, templates: [], catalogue };

test.each([
  [
    'debian-13-standard_13.1-2_amd64.tar.zst',
    { package: 'debian-13-standard', version: '13.1-2', architecture: 'amd64' },
  ],
  [
    'alpine-3.22-default_20250617_amd64.tar',
    { package: 'alpine-3.22-default', version: '20250617', architecture: 'amd64' },
  ],
  ['my_own.tar.gz', { package: 'my_own', version: '' }],
])('takes %s apart', (file, want) => {
  expect(parseTemplateName(file)).toEqual(want);
});

describe('names', () => {
  test.each([
    ['debian-13', 'debian-13-standard_13.10-1_amd64.tar.zst'],
    ['debian', 'debian-13-standard_13.10-1_amd64.tar.zst'],
    ['debian-12', 'debian-12-standard_12.12-1_amd64.tar.zst'],
    ['debian-12-turnkey-core', 'debian-12-turnkey-core_18.1-1_amd64.tar.gz'],
    ['debian-13-standard', 'debian-13-standard_13.10-1_amd64.tar.zst'],
    ['debian-13-standard_13.6*', 'debian-13-standard_13.6-1_amd64.tar.zst'],
    ['debian-1?-standard', 'debian-13-standard_13.10-1_amd64.tar.zst'],
    ['alpine', 'alpine-3.24-default_20260714_amd64.tar.xz'],
    ['alpine-3.9', 'alpine-3.9-default_20240101_amd64.tar.xz'],
    ['centos-10', 'centos-10-stream-default_20260713_amd64.tar.xz'],
    ['devuan-5', 'devuan-5.0-standard_5.0_amd64.tar.gz'],
    ['gentoo', 'gentoo-current-openrc_20250508_amd64.tar.xz'],
    ['archlinux', 'archlinux-base_20260420-1_amd64.tar.zst'],
    ['ubuntu-25.04', 'ubuntu-25.04-standard_25.04-1.1_amd64.tar.zst'],
    ['debian-13-standard_13.6-1_amd64.tar.zst', 'debian-13-standard_13.6-1_amd64.tar.zst'],
  ])('%s', (ref, file) => {
    expect(resolveTemplate(ref, place, nothing)).toEqual({
      kind: 'download',
      volid: `local:vztmpl/${file}`,
      node: 'pve1',
      storage: 'local',
      template: file,
    });
  });

  test('aliases win, and may narrow section and architecture', () => {
    const aliases = {
      mine: { pattern: 'debian-1{2,3}-*', section: 'system', architecture: 'arm64' },
      gone: { pattern: 'debian-13-standard', section: 'mail' },
    };
    expect(resolveTemplate('mine', place, nothing, aliases)).toMatchObject({
      template: 'debian-13-standard_13.10-1_arm64.tar.zst',
    });
    expect(resolveTemplate('gone', place, nothing, aliases)).toMatchObject({ kind: 'missing' });
    const templates = [stored(debian)];
    expect(resolveTemplate('gone', place, { ...nothing, templates }, aliases)).toMatchObject({
      kind: 'stored',
    });
  });

  test.each([
    ['debain-13-standard', 'did you mean debian-13-standard?'],
    ['ubuntu-2', 'did you mean ubuntu-25.04-standard?'],
    ['something else', 'template list --available'],
  ])('%s is not found', (ref, hint) => {
    const choice = resolveTemplate(ref, place, nothing);
    expect(choice).toMatchObject({
      kind: 'missing',
      diagnostic: { severity: 'error', code: 'TEMPLATE_NOT_FOUND' },
    });
    expect(choice.kind === 'missing' && choice.diagnostic.hint).toContain(hint);
  });

  test('the storage that is asked for is named when it has none', () => {
    const choice = resolveTemplate('nope', { node: 'pve1', storage: 'zfs' }, nothing);
    expect(choice.kind === 'missing' && choice.diagnostic.message).toContain('on zfs');
  });
});

describe('what is stored', () => {
  const templates = [
    stored('debian-13-standard_13.1-2_amd64.tar.zst'),
    stored('debian-13-standard_13.2-1_amd64.tar.zst', { storage: 'zfs' }),
    stored('debian-13-standard_13.9-1_amd64.tar.zst', { node: 'pve2' }),
  ];
  const sources = { ...nothing, templates };

  test('the newest within reach is used', () => {
    expect(resolveTemplate('debian-13', place, sources)).toEqual({
      kind: 'stored',
      volid: 'zfs:vztmpl/debian-13-standard_13.2-1_amd64.tar.zst',
    });
  });

  test('only on the storage that is asked for', () => {
    expect(resolveTemplate('debian-13', { node: 'pve1', storage: 'local' }, sources)).toMatchObject({
      volid: 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst',
    });
  });

  test('a shared storage is within reach of every node that has it', () => {
    const shared = [storage('nas', 'pve1', { shared: true }), storage('nas', 'pve2', { shared: true })];
    const onNas = [stored(debian, { storage: 'nas', node: 'pve2' })];
    expect(
      resolveTemplate('debian-13', place, { storages: shared, templates: onNas, catalogue }),
    ).toMatchObject({
      kind: 'stored',
      volid: `nas:vztmpl/${debian}`,
    });
    expect(
      resolveTemplate('debian-13', { node: 'pve3' }, { storages: shared, templates: onNas, catalogue: [] })
        .kind,
    ).toBe('missing');
  });

  test('the same file on two storages: the first by name', () => {
    const twice = [stored(debian, { storage: 'zfs' }), stored(debian)];
    expect(resolveTemplate('debian-13', place, { ...nothing, templates: twice })).toMatchObject({
      volid: `local:vztmpl/${debian}`,
    });
  });
});

describe('volume ids', () => {
  test('are taken as they are', () => {
    expect(resolveTemplate('local:vztmpl/own.tar.gz', place, nothing)).toEqual({
      kind: 'stored',
      volid: 'local:vztmpl/own.tar.gz',
    });
  });

  test('are downloaded when they are missing and the catalogue has them', () => {
    const file = 'devuan-5.0-standard_5.0_amd64.tar.gz';
    expect(resolveTemplate(`zfs:vztmpl/${file}`, place, nothing)).toMatchObject({
      kind: 'download',
      storage: 'zfs',
      template: file,
    });
    const templates = [stored(file, { storage: 'zfs' })];
    expect(resolveTemplate(`zfs:vztmpl/${file}`, place, { ...nothing, templates })).toMatchObject({
      kind: 'stored',
    });
  });
});

test('storages for templates: active ones of the node, by name', () => {
  const all = [...storages, storage('off', 'pve1', { active: false }), storage('local', 'pve2')];
  expect(templateStorages('pve1', all).map((one) => one.storage)).toEqual(['local', 'zfs']);
  expect(resolveTemplate('debian-13', { node: 'pve9' }, nothing)).toMatchObject({
    diagnostic: { code: 'TEMPLATE_STORAGE_MISSING' },
  });
});
