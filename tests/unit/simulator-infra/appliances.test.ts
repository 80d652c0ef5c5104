import { expect, test } from 'vitest';
import {
  applianceContent,
  catalogueEntry,
  contentByName,
  formatByName,
  officialCatalogue,
  sumsOf,
  volumeSums,
} from '../../../src/simulator/model/appliances.ts';
import type { SimVolume } from '../../../src/simulator/model/state.ts';

const volume = (name: string, meta?: Record<string, unknown>): SimVolume => ({
  volid: `local:vztmpl/${name}`,
  storage: 'local',
  node: 'pve1',
  content: 'vztmpl',
  format: 'tzst',
  sizeBytes: 1000,
  usedBytes: 1000,
  ctime: 0,
  snapshots: [],
  ...(meta ? { meta } : {}),
});

test.each([
  ['alpine-3.22-default_20250617_amd64.tar.xz', 'alpine', undefined],
  ['debian-12-standard_12.12-1_amd64.tar.zst', 'debian', 252],
  ['debian-13-standard_13.6-1_amd64.tar.zst', 'debian', 257],
  ['ubuntu-24.04-standard_24.04-2_amd64.tar.zst', 'ubuntu', 255],
  ['almalinux-9-default_20240911_amd64.tar.xz', 'centos', 252],
  ['rockylinux-10-default_20251001_amd64.tar.xz', 'centos', 257],
  ['proxmox-mail-gateway-9.1-standard_9.1-1_amd64.tar.zst', 'debian', 257],
  ['devuan-5.0-standard_5.0_amd64.tar.gz', 'devuan', undefined],
  ['holiday-photos.tar.gz', undefined, undefined],
])('%s contains %s with systemd %s', (name, ostype, systemd) => {
  const content = contentByName(name, 1000);
  expect(content.ostype).toBe(ostype);
  expect(content.systemd).toBe(systemd);
  expect(content.arch).toBe('amd64');
});

test('an archive unpacks to whole tar records and to more than it was', () => {
  const { unpackedBytes } = contentByName('debian-12-standard_12.12-1_amd64.tar.zst', 35_088_922);
  expect(unpackedBytes % 10_240).toBe(0);
  expect(unpackedBytes).toBeGreaterThan(35_088_922);
});

test('what a volume was filled with counts more than its name', () => {
  const appliance = { ostype: 'alpine', arch: 'amd64', unpackedBytes: 1 };
  expect(applianceContent(volume('debian-12.tar.zst', { appliance }))).toEqual(appliance);
  expect(applianceContent(volume('debian-12.tar.zst')).ostype).toBe('debian');
});

test.each([
  ['vztmpl', 'a.tar.gz', 'tgz'],
  ['vztmpl', 'a.tar.xz', 'txz'],
  ['vztmpl', 'a.tar.zst', 'tzst'],
  ['vztmpl', 'a.tar.bz2', 'tbz2'],
  ['vztmpl', 'a.tar', 'tar'],
  ['vztmpl', 'A.TAR.GZ', 'tgz'],
  ['vztmpl', 'a.zip', undefined],
  ['vztmpl', '.tar.gz', undefined],
  ['vztmpl', 'a.iso', undefined],
  ['iso', 'a.iso', 'iso'],
  ['iso', 'a.img', 'iso'],
  ['iso', 'a.tar.gz', undefined],
  ['import', 'a.ova', 'ova'],
  ['import', 'a.txt', undefined],
])('the format of %s file %s is %s', (content, name, format) => {
  expect(formatByName(content, name)).toBe(format);
});

test('every entry of the catalogue is complete, and its template can be stored', () => {
  const entries = officialCatalogue();
  expect(entries.length).toBeGreaterThan(20);
  expect(new Set(entries.map(({ template }) => template)).size).toBe(entries.length);
  for (const entry of entries) {
    expect(entry.location).toBe(`http://download.proxmox.com/images/${entry.section}/${entry.template}`);
    expect(entry.sha512sum).toMatch(/^[0-9a-f]{128}$/);
    expect(entry['md5sum']).toMatch(/^[0-9a-f]{32}$/);
    expect(entry.sizeBytes).toBeGreaterThan(1_000_000);
    expect(formatByName('vztmpl', entry.template)).toBeDefined();
    expect(contentByName(entry.template, entry.sizeBytes).ostype).toBeDefined();
  }
});

test('an entry that only has a name gets what official ones have', () => {
  expect(
    catalogueEntry({ package: 'alpine-3.21-default', version: '1', os: 'alpine', sizeBytes: 5 }),
  ).toMatchObject({
    template: 'alpine-3.21-default_1_amd64.tar.xz',
    section: 'system',
    type: 'lxc',
    location: 'http://download.proxmox.com/images/system/alpine-3.21-default_1_amd64.tar.xz',
  });
});

test('check sums: of the volume itself, else of the catalogue, else unknown', () => {
  const [entry] = officialCatalogue();
  const catalogue = entry ? [entry] : [];
  const name = entry?.template ?? '';
  expect(volumeSums(volume(name), catalogue)['sha512']).toBe(entry?.sha512sum);
  const sums = sumsOf('other content');
  expect(volumeSums(volume(name, { sums }), catalogue)).toEqual(sums);
  expect(volumeSums(volume('own.tar.gz'), catalogue)).toEqual({});
});
