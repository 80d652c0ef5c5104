/**
 * What a container's distribution brings: its directories, files and programs, and the files that tell of what runs.
 * Little more than programs look for when they want to know where they are.
 */
import type { SimContainer, SimInside } from '../../model/state.ts';
import type { BaseFiles, Entry } from './files.ts';
import type { Processes } from './processes.ts';
import { listeningPorts } from './services-table.ts';
import { tools } from './tools/index.ts';
import type { Family } from './tools/tool.ts';

const [directoryMode, stickyMode, fileMode, programMode] = [0o755, 0o1777, 0o644, 0o755];

/** A distribution. */
interface Release {
  readonly family: Family;
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly codename?: string;
}

const releases: Readonly<Record<string, Release>> = {
  debian: { family: 'debian', name: 'Debian GNU/Linux', id: 'debian', version: '12', codename: 'bookworm' },
  ubuntu: { family: 'debian', name: 'Ubuntu', id: 'ubuntu', version: '24.04', codename: 'noble' },
  devuan: { family: 'debian', name: 'Devuan GNU/Linux', id: 'devuan', version: '5', codename: 'daedalus' },
  alpine: { family: 'alpine', name: 'Alpine Linux', id: 'alpine', version: '3.22.1' },
  fedora: { family: 'redhat', name: 'Fedora Linux', id: 'fedora', version: '42' },
  centos: { family: 'redhat', name: 'CentOS Stream', id: 'centos', version: '9' },
};
const unknown: Release = { family: 'other', name: 'Linux', id: 'linux', version: '1' };

const releaseOf = (container: SimContainer): Release => releases[container.config['ostype'] ?? ''] ?? unknown;

/** The kind of distribution of a container. */
export function familyOf(container: SimContainer): Family {
  return releaseOf(container).family;
}

/** What a login prompt says of the system. */
export function systemName(container: SimContainer): string {
  const { name, version } = releaseOf(container);
  return `${name} ${version}`;
}

const directories: readonly string[] = [
  '/',
  '/boot',
  '/dev',
  '/dev/pts',
  '/dev/shm',
  '/etc',
  '/etc/apk',
  '/etc/apt',
  '/etc/apt/sources.list.d',
  '/etc/cron.d',
  '/etc/default',
  '/etc/init.d',
  '/etc/profile.d',
  '/etc/ssh',
  '/etc/systemd',
  '/etc/systemd/system',
  '/home',
  '/lib',
  '/media',
  '/mnt',
  '/opt',
  '/proc',
  '/proc/net',
  '/root',
  '/run',
  '/run/lock',
  '/run/systemd',
  '/run/systemd/system',
  '/srv',
  '/sys',
  '/usr',
  '/usr/bin',
  '/usr/lib',
  '/usr/local',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/local/lib',
  '/usr/sbin',
  '/usr/share',
  '/var',
  '/var/cache',
  '/var/lib',
  '/var/log',
  '/var/run',
  '/var/spool',
  '/var/www',
];

function osRelease({ name, id, version, codename }: Release): string {
  const pretty = `${name} ${version}${codename === undefined ? '' : ` (${codename})`}`;
  const lines = [`PRETTY_NAME="${pretty}"`, `NAME="${name}"`, `ID=${id}`, `VERSION_ID="${version}"`];
  if (codename !== undefined) lines.push(`VERSION_CODENAME=${codename}`);
  return `${lines.join('\n')}\n`;
}

const people = [
  'root:x:0:0:root:/root:SHELL',
  'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
  'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
  'mail:x:8:8:mail:/var/mail:/usr/sbin/nologin',
  'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin',
  'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
];
const groups = [
  'root:x:0:',
  'daemon:x:1:',
  'bin:x:2:',
  'mail:x:8:',
  'sudo:x:27:',
  'www-data:x:33:',
  'users:x:100:',
  'nogroup:x:65534:',
];

function textFiles(container: SimContainer): Readonly<Record<string, string>> {
  const release = releaseOf(container);
  const name = container.config['hostname'] ?? `CT${container.vmid}`;
  const shell = release.family === 'alpine' ? '/bin/ash' : '/bin/bash';
  const nameservers = (container.config['nameserver'] ?? '192.0.2.53')
    .split(/[ ,;]+/)
    .filter((text) => text !== '');
  return {
    '/etc/hostname': `${name}\n`,
    '/etc/hosts': `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${name}\n`,
    '/etc/resolv.conf': nameservers.map((address) => `nameserver ${address}\n`).join(''),
    '/etc/os-release': osRelease(release),
    '/etc/passwd': `${people.join('\n').replace('SHELL', shell)}\n`,
    '/etc/group': `${groups.join('\n')}\n`,
    '/etc/shells': '/bin/sh\n/bin/bash\n',
    '/etc/fstab': '# UNCONFIGURED FSTAB FOR BASE SYSTEM\n',
    '/etc/profile': 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
    ...(release.family === 'alpine' ? { '/etc/alpine-release': `${release.version}\n` } : {}),
    ...(release.id === 'debian' ? { '/etc/debian_version': '12.11\n' } : {}),
  };
}

/** Shadow passwords, as they would be if they were hashed. */
function shadow(inside: SimInside): string {
  const users = new Set(['root', ...Object.keys(inside.passwords)]);
  return [...users]
    .map(
      (user) =>
        `${user}:${inside.passwords[user] === undefined ? '*' : '$y$j9T$simulated'}:20000:0:99999:7:::\n`,
    )
    .join('');
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

const socketHead =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

/** /proc/net/tcp: the sockets that services listen on. */
function sockets(container: SimContainer, inside: SimInside): string {
  const lines = listeningPorts(familyOf(container), inside).map(
    (port, index) =>
      `${String(index).padStart(4)}: 00000000:${hex(port, 4)} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${20_000 + index} 1 0000000000000000 100 0 0 10 0\n`,
  );
  return socketHead + lines.join('');
}

/** What virtual files are made of. */
export interface Insight {
  readonly inside: SimInside;
  readonly processes: Processes;
  seconds(): number;
}

/**
 * The files of a container as they were when it was made.
 *
 * @param container - its settings are in some of them.
 * @param insight - what runs in it.
 */
export function baseFiles(container: SimContainer, insight: Insight): BaseFiles {
  const release = releaseOf(container);
  const mtime = Math.floor(container.createdAtMs / 1000);
  const entries = new Map<string, Entry>();
  for (const path of directories) entries.set(path, { type: 'dir', mode: directoryMode, mtime });
  for (const path of ['/tmp', '/var/tmp']) entries.set(path, { type: 'dir', mode: stickyMode, mtime });
  if (container.config['entrypoint'] !== undefined || release.family === 'alpine') {
    entries.delete('/run/systemd');
    entries.delete('/run/systemd/system');
  }
  for (const [path, data] of Object.entries(textFiles(container)))
    entries.set(path, { type: 'file', mode: fileMode, mtime, data });
  for (const [name, { isIn }] of Object.entries(tools)) {
    if (isIn?.(release.family) === false) continue;
    entries.set(`/usr/bin/${name}`, { type: 'file', mode: programMode, mtime, data: '' });
  }
  for (const path of ['/bin', '/sbin'])
    entries.set(path, { type: 'link', mode: 0o777, mtime, data: 'usr/bin' });
  entries.set('/usr/sbin/nologin', {
    type: 'file',
    mode: programMode,
    mtime,
    data: 'echo "This account is currently not available."; exit 1\n',
  });
  const { memory, cores } = container.config;
  const memoryKiB = Number(memory ?? 512) * 1024;
  const virtual = new Map<string, () => string>([
    ['/etc/shadow', () => shadow(insight.inside)],
    [
      '/proc/uptime',
      () => {
        const up = Math.max(0, insight.seconds() - Math.floor((container.runtime?.startedAtMs ?? 0) / 1000));
        return `${up.toFixed(2)} ${up.toFixed(2)}\n`;
      },
    ],
    ['/proc/loadavg', () => `0.00 0.01 0.05 1/${insight.processes.list().length + 1} 999\n`],
    [
      '/proc/meminfo',
      () =>
        `MemTotal: ${memoryKiB} kB\nMemFree: ${Math.floor(memoryKiB * 0.8)} kB\nMemAvailable: ${Math.floor(memoryKiB * 0.9)} kB\n`,
    ],
    [
      '/proc/cpuinfo',
      () => Array.from({ length: Number(cores ?? 1) }, (_, index) => `processor\t: ${index}\n`).join(''),
    ],
    ['/proc/version', () => 'Linux version 6.17.2-1-pve (simulated)\n'],
    ['/proc/net/tcp', () => sockets(container, insight.inside)],
    ['/proc/net/tcp6', () => socketHead],
  ]);
  return { entries, virtual };
}
