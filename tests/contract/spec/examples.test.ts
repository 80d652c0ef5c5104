/** What ships beside the code: examples, blueprints and aliases load as they are, and fit the simulated clusters. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { parseCatalog } from '../../../src/spec/catalog.ts';
import { loadFleet } from '../../../src/spec/load.ts';
import { globMatcher } from '../../../src/util/glob.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const { aliases = {} } = parseCatalog('catalog.yaml', read('templates/catalog.yaml'));
const blueprints = readdirSync(new URL('templates/blueprints/', root)).map((file) =>
  file.replace('.yaml', ''),
);

function example(name: string): DesiredFleet {
  const { fleet, diagnostics } = loadFleet({
    file: name,
    text: read(`config/examples/${name}.yaml`),
    aliases,
    readBlueprint: (blueprint) => ({
      file: `${blueprint}.yaml`,
      text: read(`templates/blueprints/${blueprint}.yaml`),
    }),
    readRoster: (file) => ({ file, text: read(`config/examples/${file}`) }),
  });
  expect(diagnostics).toEqual([]);
  return fleet as DesiredFleet;
}

/** Nodes, storages and bridges of the simulator's seeds. */
const seeds = {
  small: { nodes: ['pve1'], storages: ['local-lvm'], bridges: ['vmbr0'] },
  cluster: {
    nodes: ['pve1', 'pve2', 'pve3'],
    storages: ['local-lvm', 'shared'],
    bridges: ['vmbr0', 'vmbr1'],
  },
};

describe('examples', () => {
  it.each([
    ['minimal', 'small', 1],
    ['web-stack', 'cluster', 4],
    ['classroom', 'cluster', 30],
    ['demo', 'cluster', 12],
  ] as const)('%s fits the seed %s and has %i containers', (name, seed, count) => {
    const fleet = example(name);
    const { nodes, storages, bridges } = seeds[seed];
    expect(fleet.containers).toHaveLength(count);
    for (const container of fleet.containers) {
      expect(nodes).toContain(container.node);
      for (const { storage } of [container.rootfs, ...Object.values(container.mounts ?? {})])
        expect(storages).toContain(storage);
      for (const { bridge } of Object.values(container.nets ?? {})) expect(bridges).toContain(bridge);
    }
  });

  const files = readdirSync(new URL('config/examples/', root)).filter((file) => file.endsWith('.yaml'));
  it.each(files)('%s names its schema for editors', (file) => {
    expect(read(`config/examples/${file}`).split('\n')[0]).toBe(
      '# yaml-language-server: $schema=../schema/fleet.schema.json',
    );
  });

  it('spreads the class over the nodes', () => {
    const nodes = example('classroom').containers.map(({ node }) => node);
    const counts = ['pve1', 'pve2', 'pve3'].map((name) => nodes.filter((node) => node === name).length);
    expect(counts).toEqual([10, 10, 10]);
  });
});

describe('blueprints', () => {
  it.each(blueprints)('%s loads', (blueprint) => {
    const { fleet, diagnostics } = loadFleet({
      file: 'f.yaml',
      text: `version: 1\nfleet: x\ncontainers:\n  a: { blueprint: ${blueprint}, node: pve1, template: debian-13, rootfs: { storage: ab, size: 1GiB } }\n`,
      aliases,
      readBlueprint: (name) => ({ file: `${name}.yaml`, text: read(`templates/blueprints/${name}.yaml`) }),
    });
    expect(diagnostics).toEqual([]);
    expect(fleet?.containers[0]?.features).toEqual({ nesting: true });
  });
});

describe('aliases of templates', () => {
  /** File names of the public catalogue (aplinfo.dat, 2026-11). */
  const files = [
    'almalinux-10-default_20250930_amd64.tar.xz',
    'almalinux-9-default_20240911_amd64.tar.xz',
    'alpine-3.22-default_20250617_amd64.tar.xz',
    'alpine-3.23-default_20260116_amd64.tar.xz',
    'alpine-3.24-default_20260714_amd64.tar.xz',
    'archlinux-base_20260420-1_amd64.tar.zst',
    'centos-10-stream-default_20260713_amd64.tar.xz',
    'centos-9-stream-default_20240828_amd64.tar.xz',
    'debian-12-standard_12.12-1_amd64.tar.zst',
    'debian-13-standard_13.6-1_amd64.tar.zst',
    'devuan-5.0-standard_5.0_amd64.tar.gz',
    'fedora-43-default_20260115_amd64.tar.xz',
    'fedora-44-default_20260713_amd64.tar.xz',
    'gentoo-current-openrc_20250508_amd64.tar.xz',
    'openeuler-25.03-default_20250507_amd64.tar.xz',
    'opensuse-15.6-default_20240910_amd64.tar.xz',
    'opensuse-16.0-default_20260116_amd64.tar.xz',
    'rockylinux-10-default_20251001_amd64.tar.xz',
    'rockylinux-9-default_20240912_amd64.tar.xz',
    'ubuntu-22.04-standard_22.04-1_amd64.tar.zst',
    'ubuntu-24.04-standard_24.04-2_amd64.tar.zst',
    'ubuntu-25.04-standard_25.04-1.1_amd64.tar.zst',
    'ubuntu-26.04-standard_26.04-1_amd64.tar.zst',
  ];

  it.each(Object.entries(aliases))('%s stands for exactly one kind of template', (alias, pattern) => {
    const found = files.filter(globMatcher(pattern));
    expect(found).toHaveLength(1);
    expect(found[0]?.startsWith(alias.split('-')[0] as string)).toBe(true);
  });

  it('covers every system template', () => {
    const patterns = Object.values(aliases).map((pattern) => globMatcher(pattern));
    expect(files.filter((file) => !patterns.some((matches) => matches(file)))).toEqual([]);
  });
});
