import { describe, expect, it } from 'vitest';
import { type ScaffoldAnswers, scaffoldFleet } from '../../../src/spec/scaffold.ts';
import { load } from './support.ts';

const answers: ScaffoldAnswers = {
  fleet: 'lab',
  container: 'web01',
  node: 'pve1',
  template: 'debian-13',
  storage: 'local-lvm',
  bridge: 'vmbr0',
};

describe('scaffoldFleet', () => {
  it.each<[string, Partial<ScaffoldAnswers>, object]>([
    ['the least', {}, { key: 'web01', nets: { eth0: { bridge: 'vmbr0', ip: 'dhcp' } } }],
    [
      'everything',
      {
        rootfs: '16GiB',
        memory: '1GiB',
        ip: '10.0.0.5/24',
        gateway: '10.0.0.1',
        template: 'local:vztmpl/x.tar.zst',
        vmids: { from: 500, to: 599 },
        schema: './fleet.schema.json',
      },
      {
        template: 'local:vztmpl/x.tar.zst',
        compute: { memoryMiB: 1024 },
        rootfs: { sizeBytes: 16 * 1024 ** 3 },
        nets: { eth0: { ip: '10.0.0.5/24', gateway: '10.0.0.1' } },
      },
    ],
    ['names that YAML could misread', { node: 'null', fleet: 'true', bridge: '0x10' }, { node: 'null' }],
  ])('writes a file that loads: %s', (_name, more, want) => {
    const { fleet, diagnostics } = load(scaffoldFleet({ ...answers, ...more }));
    expect(diagnostics).toEqual([]);
    expect(fleet?.containers).toHaveLength(1);
    expect(fleet?.containers[0]).toMatchObject(want);
  });

  it('names the schema for editors on the first line', () => {
    expect(scaffoldFleet({ ...answers, schema: 'x.json' }).split('\n')[0]).toBe(
      '# yaml-language-server: $schema=x.json',
    );
  });

  it('shows examples that are valid once they are uncommented', () => {
    const text = scaffoldFleet(answers)
      .replace('#  web-{n}:', '  web-{n}:')
      .replace('#    count', '    count')
      .replace('#    nets', '    nets')
      .replace('# tags:', 'tags:');
    const { fleet, diagnostics } = load(text);
    expect(diagnostics).toEqual([]);
    expect(fleet?.containers.map(({ key }) => key)).toEqual(['web01', 'web-1', 'web-2', 'web-3']);
  });
});
