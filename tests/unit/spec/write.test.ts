import { expect, it } from 'vitest';
import { toFleetFile, writeFleet } from '../../../src/spec/write.ts';
import { load, withContainer } from './support.ts';

it('writes only what is not at its default', () => {
  const { fleet } = load(
    withContainer('memory: 1536MiB\nswap: 0MiB\nnets: { eth0: { bridge: vmbr0, rate: 5 } }'),
  );
  const text = writeFleet(toFleetFile(fleet as NonNullable<typeof fleet>), { comment: ['Imported', ''] });
  expect(text).toBe(`# Imported
#
version: 1
fleet: lab
vmids:
  from: 100
  to: 999
containers:
  web01:
    node: pve1
    template: debian-13-standard_*
    memory: 1.5GiB
    swap: 0MiB
    rootfs:
      storage: local-lvm
      size: 8GiB
    nets:
      eth0:
        bridge: vmbr0
        rate: 5
`);
});
