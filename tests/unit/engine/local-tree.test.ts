/** Files and folders of this machine, as steps copy them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { CopyStep } from '../../../src/domain/desired.ts';
import { StalePlanError } from '../../../src/engine/failures.ts';
import { readLocalTree, shipmentOf, withLocalTrees } from '../../../src/engine/local-tree.ts';
import { desired, fleetOf } from '../../support/builders.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pvefleet-tree-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
let root = '';
beforeEach(() => {
  count += 1;
  root = join(scratch, String(count));
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'page'), 'hello');
  writeFileSync(join(root, 'sub/run'), '#!/bin/sh\n');
  for (const [path, mode] of [
    ['', 0o755],
    ['page', 0o644],
    ['sub', 0o755],
    ['sub/run', 0o755],
  ] as const)
    chmodSync(join(root, path), mode);
});

const digest = async (): Promise<string> => {
  const tree = await readLocalTree(root);
  return 'sha256' in tree ? tree.sha256 : tree.problem;
};

describe('a digest', () => {
  it.each<[string, () => void, boolean]>([
    ['another time', () => utimesSync(join(root, 'page'), 1, 1), true],
    ['another umask of who checked it out', () => chmodSync(join(root, 'page'), 0o664), true],
    ['a file that only its owner may read', () => chmodSync(join(root, 'page'), 0o600), false],
    ['a file that may be executed', () => chmodSync(join(root, 'page'), 0o755), false],
    ['another content', () => writeFileSync(join(root, 'page'), 'hallo'), false],
    ['another file', () => writeFileSync(join(root, 'more'), ''), false],
    ['another link', () => symlinkSync('page', join(root, 'link')), false],
    ['an empty folder', () => mkdirSync(join(root, 'empty')), false],
  ])('%s', async (_, change, isSame) => {
    const before = await digest();
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    change();
    expect((await digest()) === before).toBe(isSame);
  });

  it('counts files and bytes', async () => {
    expect(await readLocalTree(root)).toMatchObject({ files: 2, sizeBytes: 15 });
    expect(await readLocalTree(join(root, 'page'))).toMatchObject({ files: 1, sizeBytes: 5 });
  });

  it.each([
    ['what is not there', 'none', 'there is no such file'],
    ['a device', '/dev/null', 'neither a file nor a folder'],
  ])('says why not: %s', async (_, path, want) => {
    const tree = await readLocalTree(path.startsWith('/') ? path : join(root, path));
    expect(tree).toEqual({ problem: expect.stringContaining(want) });
  });

  it('says why not: a name with a line break', async () => {
    writeFileSync(join(root, 'two\nlines'), '');
    expect(await readLocalTree(root)).toEqual({ problem: expect.stringContaining('line break') });
  });
});

const step = async (more: Partial<CopyStep> = {}): Promise<CopyStep> => {
  const base: CopyStep = {
    kind: 'copy',
    from: './x',
    location: root,
    to: '/srv/x',
    timeoutSeconds: 60,
    ...more,
  };
  return { ...base, local: await readLocalTree(base.location) };
};
const sent = async (copy: CopyStep): Promise<[string, string]> => {
  const { to, bytes } = await shipmentOf(copy);
  return [to, (await buffer(Readable.from(bytes))).toString()];
};

describe('what is sent', () => {
  it('is a folder, with what is in it in the order of names', async () => {
    symlinkSync('../page', join(root, 'sub/link'));
    expect(await sent(await step())).toEqual([
      '/srv/x',
      'd 0755\n\nf 0644 5\npage\nhellod 0755\nsub\nl\nsub/link\n../page\nf 0755 10\nsub/run\n#!/bin/sh\n',
    ]);
  });

  it('is a file under the name that it is to have, or into a folder under its own', async () => {
    const location = join(root, 'page');
    expect(await sent(await step({ location, to: '/etc/motd' }))).toEqual(['/etc/motd', 'f 0644 5\n\nhello']);
    expect((await sent(await step({ location, to: '/etc/' })))[0]).toBe('/etc/page');
    expect((await sent(await step({ to: '/etc/' })))[0]).toBe('/etc');
  });

  it('has the mode that the step says, folders their own', async () => {
    expect((await sent(await step({ mode: '0600' })))[1]).toMatch(/^d 0755\n\nf 0600 5\npage\n/);
  });

  it('is nothing when it is not what was planned', async () => {
    const planned = await step();
    writeFileSync(join(root, 'page'), 'other');
    await expect(shipmentOf(planned)).rejects.toThrow(StalePlanError);
  });
});

it('of a fleet only those that are meant are read', async () => {
  const copy: CopyStep = { kind: 'copy', from: 'x', location: root, to: '/x', timeoutSeconds: 60 };
  const file = fleetOf([desired('web01', { provision: [copy] }), desired('db01', { provision: [copy] })]);
  const read = await withLocalTrees(file, ({ key }) => key.startsWith('web'));
  expect(read.containers.map(({ provision }) => provision?.[0])).toEqual([
    { ...copy, local: await readLocalTree(root) },
    copy,
  ]);
});
