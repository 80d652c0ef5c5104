/** What runs inside containers, in the shells that containers have: the texts themselves, without a console around them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
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
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  checkScript,
  fileScript,
  packagesScript,
  placeScript,
  portScript,
  serviceScript,
  stepScript,
} from '../../../src/console/step-scripts.ts';

const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));
const shells: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['sh', ['/bin/sh']],
  ...(existsSync('/bin/bash') ? ([['bash as sh', ['/bin/bash', '--posix']]] as const) : []),
  ...(busybox ? ([['busybox ash', [busybox, 'sh']]] as const) : []),
];

const root = mkdtempSync(join(tmpdir(), 'pvefleet-steps-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
let folder = '';
let bin = '';
beforeEach(() => {
  count += 1;
  folder = join(root, String(count));
  bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(
  shell: readonly string[],
  script: string,
  args: readonly string[],
  input: string | Buffer = '',
): Ran {
  // the input of a run is a file
  const file = join(folder, 'input');
  writeFileSync(file, input);
  const [program = '', ...first] = shell;
  const command = 'script=$1 input=$2; shift 2; exec "$@" <"$input"';
  const whole = ['-c', command, 'sh', '', file, program, ...first, '-c', script, 'pvefleet', ...args];
  const { status, stdout, stderr } = spawnSync('/bin/sh', whole, {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: folder },
  });
  return { code: status, out: stdout, err: stderr };
}

const markers = (): string => join(folder, 'markers');
const names = (): string[] => readdirSync(markers()).sort();

/** A program of the container. */
function program(name: string, text: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(bin, name), 0o755);
}

describe.each(shells)('a step in %s', (_, shell) => {
  const step = (digest: string, body: string, all = digest, input = ''): Ran =>
    run(shell, stepScript, [markers(), digest, all, 'env', body], input);

  it('runs once and leaves its marker', () => {
    expect(run(shell, checkScript, [markers(), 'aa']).code).not.toBe(0);
    expect(step('aa', 'echo once >>log; echo said')).toMatchObject({ code: 0, out: 'said\n' });
    expect(run(shell, checkScript, [markers(), 'aa']).code).toBe(0);
    expect(step('aa', 'echo once >>log; echo said')).toMatchObject({ code: 0, out: '' });
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('once\n');
    expect(names()).toEqual(['aa']);
  });

  it('stops at the first error, with its exit code and without a marker', () => {
    const ran = step('aa', 'echo one\n(exit 7)\necho two');
    expect(ran).toMatchObject({ code: 7, out: 'one\n' });
    expect(names()).toEqual([]);
  });

  it('forgets what the file no longer has, so that going back is a change', () => {
    step('aa', 'true', 'aa bb');
    step('bb', 'true', 'aa bb');
    expect(names()).toEqual(['aa', 'bb']);
    step('cc', 'true', 'cc bb');
    expect(names()).toEqual(['bb', 'cc']);
    expect(run(shell, checkScript, [markers(), 'aa']).code).not.toBe(0);
  });

  it('gets its variables over the input, where command lines do not show them', () => {
    const body =
      'printf "%s|%s" "$TOKEN" "$A"; tr "\\0" " " </proc/$PPID/cmdline | grep -c "s3 c[r]et" || true';
    const ran = step('aa', body, 'aa', "export TOKEN='s3 cret'\nexport A=plain\n");
    expect(ran).toMatchObject({ code: 0, out: 's3 cret|plain0\n' });
  });

  it('reads an end of file where a program asks', () => {
    expect(step('aa', 'cat; echo end')).toMatchObject({ code: 0, out: 'end\n' });
  });

  it('hands the script to the interpreter of its first line', () => {
    program('speak', 'echo "interpreted with $1: $(tail -n 1 "$2")"');
    const ran = step('aa', `#!${bin}/speak -x\nhello there`);
    expect(ran).toMatchObject({ code: 0, out: 'interpreted with -x: hello there\n' });
    expect(names()).toEqual(['aa']);
  });

  it('says what it cannot write to', () => {
    writeFileSync(markers(), 'a file');
    expect(step('aa', 'true')).toMatchObject({ code: 126 });
    expect(step('aa', 'true').err).toContain(`cannot write to ${markers()}`);
  });

  it('takes over from a run that was killed', () => {
    mkdirSync(markers());
    // a process of that number may be there again, but has begun at another time
    writeFileSync(join(markers(), 'aa.run'), `${process.pid} 1\n`);
    expect(step('aa', 'echo ran')).toMatchObject({ code: 0, out: 'ran\n', err: '' });
    expect(names()).toEqual(['aa']);
  });

  it('waits for an earlier run that goes on, and does not do it again', async () => {
    const script = 'echo began >>log; until [ -f go ]; do sleep 0.1; done; echo ended >>log';
    const [file = '', ...first] = shell;
    const earlier: ChildProcess = spawn(
      file,
      [...first, '-c', stepScript, 'pvefleet', markers(), 'aa', 'aa', 'env', script],
      { cwd: folder, stdio: 'ignore', env: { PATH: '/usr/bin:/bin' } },
    );
    await expect.poll(() => existsSync(join(folder, 'log'))).toBe(true);
    const later = spawn(
      file,
      [...first, '-c', stepScript, 'pvefleet', markers(), 'aa', 'aa', 'env', script],
      { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: '/usr/bin:/bin' } },
    );
    let said = '';
    later.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await expect.poll(() => said).toContain('waiting for the end of an earlier run');
    writeFileSync(join(folder, 'go'), '');
    const codes = await Promise.all(
      [earlier, later].map((child) => new Promise((resolve) => child.on('close', resolve))),
    );
    expect(codes).toEqual([0, 0]);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('began\nended\n');
    expect(names()).toEqual(['aa']);
  });

  it('waits until the system has booted', () => {
    // no systemd and no OpenRC here: nothing to wait for, and no time lost
    expect(step('aa', 'true').code).toBe(0);
  });
});

describe.each(shells)('files put in their places by %s', (_, shell) => {
  const place = (to: string, input: string | Buffer, owner = ''): Ran =>
    run(shell, 'body=$1; shift; exec sh -e -c "$body" sh "$@"', [placeScript, to, owner], input);
  const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

  it('puts a single file where it belongs, with its mode and the folders above it', () => {
    const to = join(folder, 'a/b c/file');
    expect(place(to, 'f 0640 5\n\nhello')).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(to, 'utf8')).toBe('hello');
    expect(modeOf(to)).toBe('640');
    expect(readdirSync(join(folder, 'a/b c'))).toEqual(['file']);
  });

  it('puts a folder with all kinds of names and contents in its place', () => {
    const to = join(folder, 'site');
    const large = Buffer.alloc(200_000, 'x\n\0');
    const input = Buffer.concat([
      Buffer.from('d 0755\n\nd 0700\n sub dir \n'),
      Buffer.from(`f 0644 ${large.length}\n sub dir /large 'file' $HOME\n`),
      large,
      Buffer.from('f 0600 0\nempty\nl\nlink\n../some where\nf 0755 3\nlast\nend'),
    ]);
    expect(place(to, input)).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(join(to, " sub dir /large 'file' $HOME")).equals(large)).toBe(true);
    expect(readFileSync(join(to, 'last'), 'utf8')).toBe('end');
    expect(readlinkSync(join(to, 'link'))).toBe('../some where');
    expect(['', ' sub dir ', 'empty', 'last'].map((name) => modeOf(join(to, name)))).toEqual([
      '755',
      '700',
      '600',
      '755',
    ]);
  });

  it('replaces files and links, keeps what else is there, and leaves folders as they are', () => {
    const to = join(folder, 'site');
    mkdirSync(join(to, 'sub'), { recursive: true, mode: 0o750 });
    chmodSync(to, 0o711);
    writeFileSync(join(to, 'old'), 'kept');
    writeFileSync(join(to, 'page'), 'old');
    symlinkSync('old', join(to, 'was-link'));
    const input = 'd 0755\n\nd 0755\nsub\nf 0644 3\npage\nnewf 0644 4\nwas-link\nfile';
    expect(place(to, input).code).toBe(0);
    expect(readFileSync(join(to, 'page'), 'utf8')).toBe('new');
    expect(lstatSync(join(to, 'was-link')).isFile()).toBe(true);
    expect(readFileSync(join(to, 'old'), 'utf8')).toBe('kept');
    expect([to, join(to, 'sub')].map(modeOf)).toEqual(['711', '750']);
  });

  it.each([
    ['a file that did not arrive whole', 'f 0644 10\nfile\nshort', 'did not arrive whole'],
    ['a file where a folder is', 'f 0644 1\nsub\nx', 'is a folder, not a file'],
    ['a link where a folder is', 'l\nsub\nx\n', 'is a folder, not a link'],
  ])('refuses %s', (_name, input, message) => {
    const to = join(folder, 'site');
    mkdirSync(join(to, 'sub'), { recursive: true });
    const ran = place(to, input);
    expect(ran.code).not.toBe(0);
    expect(ran.err).toContain(message);
  });

  it('fails for an owner that is not there', () => {
    expect(place(join(folder, 'file'), 'f 0644 1\n\nx', 'nobody-of-that-name').code).not.toBe(0);
  });
});

/** Programs that note how they were called; `fails` of them do so until the lists were renewed. */
function fake(name: string, options: { readonly failsUntil?: string } = {}): void {
  const { failsUntil } = options;
  program(
    name,
    `echo "${name} $*" >>"${folder}/calls"
case " $* " in *" ${failsUntil ?? '-'} "*) : >"${folder}/renewed" ;; esac
${failsUntil === undefined ? '' : `case " $* " in *" install "*|*" add "*|*" -S "*) [ -f "${folder}/renewed" ] || { echo unable to locate >&2; exit 100; } ;; esac`}
exit 0`,
  );
}
const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

describe.each(shells)('packages and services in %s', (_, shell) => {
  /** Only what is put into `bin` is there, and what the scripts may rely on. */
  const alone = (script: string, args: readonly string[]): Ran => {
    for (const name of ['sleep', 'ls'].filter((one) => !existsSync(join(bin, one))))
      program(name, name === 'sleep' ? 'exit 0' : 'exit 1');
    return run(shell, 'PATH=$1; export PATH; body=$2; shift 2; set -e; eval "$body"', [bin, script, ...args]);
  };

  it.each([
    ['apk', 'update', ['apk add nginx curl']],
    ['dnf', 'makecache', ['dnf -y install nginx curl']],
    ['zypper', 'refresh', ['zypper --non-interactive install nginx curl']],
    ['pacman', '-Sy', ['pacman -S --noconfirm --needed nginx curl']],
  ])('installs with %s without renewing lists that do', (name, _renewal, want) => {
    fake(name);
    expect(alone(packagesScript, ['nginx', 'curl'])).toMatchObject({ code: 0, err: '' });
    expect(calls()).toEqual(want);
  });

  it.each([
    ['apk', 'update', ['apk add nginx', 'apk update', 'apk add nginx']],
    [
      'pacman',
      '-Sy',
      [
        'pacman -S --noconfirm --needed nginx',
        'pacman -Sy --noconfirm',
        'pacman -S --noconfirm --needed nginx',
      ],
    ],
  ])('renews the lists of %s when a package is not found', (name, renewal, want) => {
    fake(name, { failsUntil: renewal });
    expect(alone(packagesScript, ['nginx'])).toMatchObject({ code: 0 });
    expect(calls()).toEqual(want);
  });

  it('renews the lists of apt first where a fresh container has none', () => {
    fake('apt-get', { failsUntil: 'update' });
    expect(alone(packagesScript, ['nginx']).code).toBe(0);
    const verbs = calls().map((call) => /(update|install .*)$/.exec(call)?.[0]);
    expect(verbs).toEqual(['update', 'install nginx']);
    expect(calls()[1]).toContain('-y');
  });

  it('says that there is no package manager', () => {
    expect(alone(packagesScript, ['nginx'])).toMatchObject({ code: 127 });
  });

  it.each([
    [
      ['nginx', 'running', 'enabled'],
      ['systemctl enable nginx', 'systemctl start nginx'],
    ],
    [
      ['nginx', 'stopped', 'disabled'],
      ['systemctl disable nginx', 'systemctl stop nginx'],
    ],
    [['nginx', '', 'enabled'], ['systemctl enable nginx']],
    [['nginx', 'running', ''], ['systemctl start nginx']],
  ])('brings a service of systemd to %j', (args, want) => {
    fake('systemctl');
    expect(alone(serviceScript, args)).toMatchObject({ code: 0 });
    expect(calls()).toEqual(want);
  });

  it('starts a service of OpenRC that does not run, and adds it to the default level', () => {
    program('rc-service', `echo "rc-service $*" >>"${folder}/calls"; [ "$2" != status ]`);
    fake('rc-update');
    expect(alone(serviceScript, ['nginx', 'running', 'enabled'])).toMatchObject({ code: 0 });
    expect(calls()).toEqual([
      'rc-update add nginx default',
      'rc-service nginx status',
      'rc-service nginx start',
    ]);
  });

  it('fails when the service does not start', () => {
    program('systemctl', 'echo "Job failed" >&2; exit 1');
    expect(alone(serviceScript, ['nginx', 'running', ''])).toMatchObject({ code: 1, err: 'Job failed\n' });
  });
});

describe.each(shells)('readiness in %s', (_, shell) => {
  it('sees who listens on a port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(run(shell, portScript, [String(port)]).code).toBe(0);
    await new Promise((resolve) => server.close(resolve));
    expect(run(shell, portScript, [String(port)]).code).not.toBe(0);
  });

  it('sees a file', () => {
    expect(run(shell, fileScript, [join(folder, 'there')]).code).not.toBe(0);
    writeFileSync(join(folder, 'there'), '');
    expect(run(shell, fileScript, [join(folder, 'there')]).code).toBe(0);
  });
});
