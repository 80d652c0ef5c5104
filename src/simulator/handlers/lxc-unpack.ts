/**
 * Filling a new root file system: template archives, OCI images, backups. No handler itself.
 */
import { die, type HandlerContext, type SimWorker } from '../context.ts';
import { type ApplianceContent, applianceContent, backupContent } from '../model/appliances.ts';
import { mountsOf } from '../model/lxc-config.ts';
import type { SimVolume } from '../model/state.ts';
import { durations, unpackMs } from '../model/timing.ts';
import { needVolume } from '../model/volume-operations.ts';
import { contentBytes, findVolume, pathOfVolume, writeToVolume } from '../model/volumes.ts';
import { warnAboutNesting } from './lxc-runtime.ts';

const MiB = 1024 ** 2;
/** Distributions whose templates come with an SSH server that wants host keys. */
const withSshServer: ReadonlySet<string> = new Set([
  'debian',
  'ubuntu',
  'devuan',
  'centos',
  'fedora',
  'opensuse',
]);
const keyTypes = ['ed25519', 'ecdsa', 'rsa'];
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Options that tar gets for each kind of archive. */
const compressions: readonly (readonly [ending: RegExp, option: string])[] = [
  [/\.t(ar\.)?gz$/, '-z '],
  [/\.tar\.xz$/, '-J '],
  [/\.tar\.zst$/, '--zstd '],
  [/\.tar\.bz2$/, '-j '],
  [/\.tar\.lzo$/, '--lzop '],
];

/** A config that is being filled: a new container's. */
export interface NewConfig {
  readonly vmid: number;
  readonly node: string;
  /** Values so far; rootfs is set. */
  readonly config: Record<string, string>;
  readonly raw: [string, string][];
}

function tarCommand(vmid: number, archive: string, unprivileged: boolean): string {
  const compression = compressions.find(([ending]) => ending.test(archive))?.[1] ?? '';
  const mapped = unprivileged ? 'lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- ' : '';
  return `command '${mapped}tar xpf - ${compression}--totals --one-file-system -p --sparse --numeric-owner --acls --xattrs '--xattrs-include=user.*' '--xattrs-include=security.capability' '--warning=no-file-ignored' '--warning=no-xattr-write' -C /var/lib/lxc/${vmid}/rootfs --skip-old-files --anchored --exclude './dev/*'' failed: exit code 2`;
}

/** Size as tar shows it: two digits at least. */
function tarSize(bytes: number): string {
  const value = bytes / MiB;
  return `${value < 10 ? value.toFixed(1) : Math.ceil(value)}MiB`;
}

/** The volume of the root disk; a bind mount or device has none. */
function rootVolume(context: HandlerContext, target: NewConfig): SimVolume | undefined {
  const root = mountsOf(target.config).find(([key]) => key === 'rootfs')?.[1];
  return root?.kind === 'volume' ? findVolume(context.state, target.node, root.volume) : undefined;
}

/** Finds the archive; tar says so too when it is not there. */
function openArchive(context: HandlerContext, worker: SimWorker, node: string, archive: string): SimVolume {
  if (!findVolume(context.state, node, archive)) worker.log(`volume '${archive}' does not exist`);
  return needVolume(context.state, node, archive);
}

async function extract(
  context: HandlerContext,
  worker: SimWorker,
  target: NewConfig,
  archive: SimVolume,
  options: { bytes: number; facts: Record<string, unknown>; ignoreErrors: boolean },
): Promise<void> {
  const { bytes, facts, ignoreErrors } = options;
  worker.log(`extracting archive '${pathOfVolume(context.state, archive.volid)}'`);
  await worker.sleep(unpackMs(bytes));
  const root = rootVolume(context, target);
  if (root && !writeToVolume(context.state, root, bytes)) {
    worker.log('tar: ./usr/lib: Cannot write: No space left on device');
    worker.log('tar: Exiting with failure status due to previous errors');
    const text = tarCommand(target.vmid, archive.volid, target.config['unprivileged'] === '1');
    if (!ignoreErrors) die(text);
    worker.log(text);
  }
  if (root) root.meta = { ...root.meta, ...facts };
  const perSecond = (bytes / MiB / unpackMs(bytes)) * 1000;
  worker.log(`Total bytes read: ${bytes} (${tarSize(bytes)}, ${Math.max(1, Math.round(perSecond))}MiB/s)`);
}

/** Which distribution a root file system holds, and whether that is the one that was asked for. */
function detectType(content: ApplianceContent, wanted: string | undefined): string {
  if (wanted === 'unmanaged') return wanted;
  const found = content.ostype ?? die('unable to detect OS distribution');
  if (wanted !== undefined && wanted !== found) die(`got unexpected ostype (${wanted} != ${found})`);
  return found;
}

function fingerprint(context: HandlerContext): string {
  return Array.from({ length: 43 }, () => base64[Math.floor(context.random() * 64)]).join('');
}

/** What the set-up of a distribution does inside: host keys for the SSH server. */
function logSetUp(context: HandlerContext, worker: SimWorker, ostype: string, hostname: string): void {
  if (!withSshServer.has(ostype)) return;
  for (const type of keyTypes) {
    worker.log(`Creating SSH host key 'ssh_host_${type}_key' - this may take some time ...`);
    worker.log(`done: SHA256:${fingerprint(context)} root@${hostname.split('.')[0]}`);
  }
}

/** What an OCI image brings with it: the program to run and how to end it. */
function applyImage(worker: SimWorker, { config, raw }: NewConfig): void {
  config['entrypoint'] ??= '/bin/sh';
  config['env'] ??= 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  config['cmode'] ??= 'console';
  for (const key of Object.keys(config)
    .filter((name) => /^net\d+$/.test(name))
    .sort()) {
    const value = config[key] as string;
    if (!/(^|,)ip6?=/.test(value) || value.includes('host-managed=')) continue;
    worker.log(`Auto-Enabling host-managed network for network device ${key}.`);
    // Between hwaddr and those before it, in the server's order.
    config[key] = value.replace(/,hwaddr=/, ',host-managed=1,hwaddr=');
  }
  raw.push(['lxc.init.cwd', '/'], ['lxc.signal.halt', 'SIGTERM']);
}

/**
 * Unpacks a template into a new container and sets the distribution up.
 *
 * @param target - `arch` and `ostype` are filled in.
 * @param archive - volume id of the template.
 * @param onDetected - called when the distribution is known.
 * @throws SimError 500 when the archive is missing, does not fit, or holds no known distribution.
 */
export async function unpackTemplate(
  context: HandlerContext,
  worker: SimWorker,
  target: NewConfig,
  archive: string,
  options: { ignoreErrors: boolean; onDetected: () => void },
): Promise<void> {
  const volume = openArchive(context, worker, target.node, archive);
  const content = applianceContent(volume);
  const { config } = target;
  if (content.oci) worker.log('Detected OCI archive');
  await extract(context, worker, target, volume, {
    bytes: content.unpackedBytes,
    facts: content.systemd === undefined ? {} : { systemd: content.systemd },
    ignoreErrors: options.ignoreErrors,
  });
  worker.log(`Detected container architecture: ${content.arch}`);
  config['arch'] ??= content.arch;
  config['ostype'] = detectType(content, config['ostype']);
  if (content.oci) applyImage(worker, target);
  options.onDetected();
  warnAboutNesting(worker, content.systemd, config['features']);
  logSetUp(context, worker, config['ostype'], config['hostname'] ?? `CT${target.vmid}`);
  await worker.sleep(durations.setUp);
}

/**
 * Unpacks a backup into a new container.
 *
 * @param archive - volume id of the backup.
 * @throws SimError 500 when it is missing or does not fit.
 */
export async function unpackBackup(
  context: HandlerContext,
  worker: SimWorker,
  target: NewConfig,
  archive: string,
  options: { ignoreErrors: boolean },
): Promise<void> {
  const volume = openArchive(context, worker, target.node, archive);
  const saved = backupContent(volume);
  const source = saved?.config['rootfs'];
  const origin =
    source === undefined ? undefined : findVolume(context.state, target.node, source.split(',')[0] ?? '');
  worker.log(`restoring '${archive}' now..`);
  await extract(context, worker, target, volume, {
    bytes: origin ? contentBytes(origin) : volume.sizeBytes * 2,
    facts: origin?.meta?.['systemd'] === undefined ? {} : { systemd: origin.meta['systemd'] },
    ignoreErrors: options.ignoreErrors,
  });
  worker.log(`Detected container architecture: ${saved?.config['arch'] ?? 'amd64'}`);
  await worker.sleep(durations.setUp);
}
