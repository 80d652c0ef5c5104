/** Files and folders in and out of real shells, with tar, with busybox' tar, and without any. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Header, type HeaderData } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyIn, copyOut } from '../../../src/console/copy.ts';
import type { Shell } from '../../../src/console/shell.ts';
import { shellOf } from '../../support/console-shell.ts';
import {
  hasBusybox,
  type LocalConsole,
  type LocalConsoleOptions,
  localConsole,
} from '../../support/local-console.ts';

const here = mkdtempSync(join(tmpdir(), 'pvefleet-copy-'));
const tree = join(here, 'tree');
/** A name that is too long for the oldest form of tar, with what shells trip over. */
const longName = `it's "a" $name ${'ü'.repeat(60)} ${'x'.repeat(60)}`;

beforeAll(() => {
  mkdirSync(join(tree, 'deep/er'), { recursive: true });
  mkdirSync(join(tree, 'empty'));
  writeFileSync(join(tree, 'script.sh'), '#!/bin/sh\n');
  chmodSync(join(tree, 'script.sh'), 0o755);
  writeFileSync(join(tree, 'secret'), 'x'.repeat(512));
  chmodSync(join(tree, 'secret'), 0o600);
  writeFileSync(join(tree, '.hidden'), 'dot');
  writeFileSync(join(tree, 'nothing'), '');
  writeFileSync(join(tree, 'deep/er', longName), randomBytes(70_001));
  symlinkSync('script.sh', join(tree, 'link'));
  symlinkSync('/etc/../nowhere at all', join(tree, 'deep/absolute'));
  chmodSync(join(tree, 'deep'), 0o777);
  chmodSync(join(tree, 'empty'), 0o500);
  for (const [name, at] of [
    ['secret', 1_000_000_000],
    ['deep/er', 1_100_000_000],
    ['empty', 1_200_000_000],
  ] as const)
    utimesSync(join(tree, name), at, at);
});

/** Everything about a tree that a copy keeps. */
function describeTree(path: string, name = ''): string[] {
  const stat = lstatSync(path);
  const mode = (stat.mode & 0o7777).toString(8);
  const at = Math.floor(stat.mtimeMs / 1000);
  if (stat.isSymbolicLink()) return [`${name} -> ${readlinkSync(path)}`];
  if (!stat.isDirectory())
    return [`${name} ${mode} ${at} ${createHash('md5').update(readFileSync(path)).digest('hex')}`];
  const inside = readdirSync(path).toSorted();
  return [
    `${name}/ ${mode} ${at}`,
    ...inside.flatMap((one) => describeTree(join(path, one), `${name}/${one}`)),
  ];
}

const kinds: readonly (readonly [name: string, options: LocalConsoleOptions])[] = [
  ['GNU tar', {}],
  ...(hasBusybox
    ? ([
        ['busybox tar', { busybox: {} }],
        ['no tar', { busybox: { without: ['tar'] } }],
      ] as const)
    : []),
];

const started: { console: LocalConsole; shell: Shell }[] = [];
afterAll(async () => {
  for (const { console, shell } of started) {
    await shell.close();
    console.close();
  }
  execFileSync('chmod', ['-R', 'u+rwx', here]);
  rmSync(here, { recursive: true });
});
const start = (options: LocalConsoleOptions = {}): { console: LocalConsole; shell: Shell; there: string } => {
  const console = localConsole(options);
  const shell = shellOf(console);
  started.push({ console, shell });
  return { console, shell, there: join(console.folder, 'home') };
};
let count = 0;
const local = (): string => {
  count += 1;
  const path = join(here, `out${count}`);
  mkdirSync(path);
  return path;
};

describe.concurrent.each(kinds)('%s', (_, options) => {
  it('keeps names, modes, times, links and contents of a folder, in and out', {
    timeout: 30_000,
  }, async () => {
    const { shell, there } = start(options);
    const [copied] = await copyIn(shell, [tree], there);
    expect(copied).toMatchObject({ from: tree, to: join(there, 'tree') });
    expect(describeTree(join(there, 'tree'))).toEqual(describeTree(tree));
    const out = local();
    await copyOut(shell, [join(there, 'tree')], out);
    expect(describeTree(join(out, 'tree'))).toEqual(describeTree(tree));
  });

  it('gives a file another name, and overwrites', async () => {
    const { shell, there } = start(options);
    const folder = local();
    for (const text of ['first, and longer', 'second']) {
      const path = join(folder, 'file');
      writeFileSync(path, text);
      await copyIn(shell, [path], join(there, 'renamed'));
      expect(readFileSync(join(there, 'renamed'), 'utf8')).toBe(text);
      const out = join(folder, 'back');
      await copyOut(shell, [join(there, 'renamed')], out);
      expect(readFileSync(out, 'utf8')).toBe(text);
    }
  });

  it('copies several into a folder that it makes', async () => {
    const { shell, there } = start(options);
    await copyIn(shell, [join(tree, 'secret'), join(tree, 'deep')], `${there}/new/one/`);
    expect(readdirSync(join(there, 'new/one')).toSorted()).toEqual(['deep', 'secret']);
    const out = `${local()}/new/`;
    await copyOut(shell, [join(there, 'new/one/secret'), join(there, 'new/one/deep')], out);
    expect(describeTree(join(out, 'deep'))).toEqual(describeTree(join(tree, 'deep')));
  });

  it.each([
    [
      'a source',
      async (shell: Shell) => copyOut(shell, ['/not/here'], here),
      'there is no /not/here in the container',
    ],
    [
      'a folder',
      async (shell: Shell) => copyIn(shell, [tree], '/not/here/x'),
      /there is no folder \/not\/here/,
    ],
    [
      'a folder here',
      async (shell: Shell) => copyOut(shell, ['/bin'], join(here, 'no/x')),
      /there is no folder .*no here/,
    ],
  ])('says that %s is missing', async (_, copy, message) => {
    await expect(copy(start(options).shell)).rejects.toThrow(message);
  });
});

it.concurrent('brings 10 MB in and out with equal checksums', { timeout: 60_000 }, async () => {
  const { shell, there } = start();
  const path = join(here, 'big');
  writeFileSync(path, randomBytes(10_000_000));
  const seen: number[] = [];
  const [there1] = await copyIn(shell, [path], there, { onProgress: (bytes) => seen.push(bytes) });
  expect(there1?.bytes).toBe(10_000_000);
  expect(seen.at(-1)).toBeGreaterThanOrEqual(10_000_000);
  const out = local();
  await copyOut(shell, [join(there, 'big')], out);
  expect(readFileSync(join(out, 'big')).equals(readFileSync(path))).toBe(true);
});

it.concurrent('copies over a connection that breaks', { timeout: 60_000 }, async () => {
  const { console, shell, there } = start();
  console.severAfterInput(60_000);
  await copyIn(shell, [tree], there);
  expect(describeTree(join(there, 'tree'))).toEqual(describeTree(tree));
  console.severAfter(60_000);
  const out = local();
  await copyOut(shell, [join(there, 'tree')], out);
  expect(describeTree(join(out, 'tree'))).toEqual(describeTree(tree));
});

it.concurrent('leaves out what is neither file nor folder nor link, and says so', async () => {
  const { shell, there } = start();
  const path = join(here, 'odd');
  mkdirSync(path);
  execFileSync('mkfifo', [join(path, 'pipe')]);
  writeFileSync(join(path, 'file'), 'x');
  const skipped: string[] = [];
  const onSkip = (name: string): void => void skipped.push(name);
  await copyIn(shell, [path], there, { onSkip });
  execFileSync('mkfifo', [join(there, 'odd/pipe2')]);
  const out = local();
  await copyOut(shell, [join(there, 'odd')], out, { onSkip });
  expect(skipped).toEqual([join(path, 'pipe'), 'odd/pipe2']);
  expect(readdirSync(join(out, 'odd'))).toEqual(['file']);
});

describe.concurrent('a container that means harm', () => {
  /** A container whose tar prints another archive than it was asked for. */
  const evil = (entries: readonly HeaderData[]): { shell: Shell; out: string; there: string } => {
    count += 1;
    const bin = join(here, `bin${count}`);
    mkdirSync(bin);
    const blocks = entries.flatMap((data) => {
      const header = new Header({ mode: 0o755, size: 0, ...data });
      header.encode();
      return [header.block as Buffer, ...(data.type === 'File' ? [Buffer.alloc(512, 'evil\0')] : [])];
    });
    writeFileSync(join(bin, 'archive'), Buffer.concat([...blocks, Buffer.alloc(1024)]));
    writeFileSync(join(bin, 'tar'), `#!/bin/sh\ncat ${join(bin, 'archive')}\n`, { mode: 0o755 });
    return { ...start({ path: `${bin}:/usr/bin:/bin` }), out: local() };
  };
  const file = (path: string): HeaderData => ({ path, type: 'File', size: 4 });
  const link = (
    path: string,
    linkpath: string,
    type: 'SymbolicLink' | 'Link' = 'SymbolicLink',
  ): HeaderData => ({
    path,
    linkpath,
    type,
  });

  it.each([
    ['an absolute path', [file('/tmp/pvefleet-evil')]],
    ['a path upwards', [file('data/../../evil')]],
    ['another name', [file('other')]],
    ['a file through a link', [link('data/up', '../..'), file('data/up/evil')]],
    ['a hard link to outside', [link('data/hard', '../../../etc/passwd', 'Link')]],
    ['a link through a link', [link('data/up', '..'), link('data/up/evil', '/etc/passwd')]],
  ])('cannot write %s', { timeout: 20_000 }, async (_, entries) => {
    const { shell, out, there } = evil([{ path: 'data/', type: 'Directory' }, ...entries]);
    const folder = join(out, 'inner');
    mkdirSync(folder);
    const source = join(there, 'data');
    mkdirSync(source);
    await expect(copyOut(shell, [source], folder)).rejects.toMatchObject({ code: 'CONSOLE_TRANSFER' });
    expect(existsSync('/tmp/pvefleet-evil')).toBe(false);
    expect(readdirSync(out)).toEqual(['inner']);
  });

  it('cannot give files special bits', async () => {
    const { shell, there } = start();
    mkdirSync(join(there, 'data'));
    writeFileSync(join(there, 'data/suid'), 'x');
    chmodSync(join(there, 'data/suid'), 0o6755);
    const out = local();
    await copyOut(shell, [join(there, 'data')], out);
    expect(statSync(join(out, 'data/suid')).mode & 0o7777).toBe(0o755);
  });
});
