/** Writing one container into a backup file: what is in it, its name and size, notes and protection. No handler itself. */
import { die, type HandlerContext, type SimWorker } from '../context.ts';
import type { BackupContent } from '../model/appliances.ts';
import { guestName } from '../model/guest-status.ts';
import { mountsOf } from '../model/lxc-config.ts';
import type { SimContainer, SimStorage, SimVolume } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { volumePath } from '../model/volume-names.ts';
import { addVolume, contentBytes, findVolume, storageUsage } from '../model/volumes.ts';

const MiB = 1024 ** 2;
/** What tar and the compressor read in a second. */
const bytesPerSecond = 180 * MiB;

/** Compression → ending of the file, and how much of the content remains. */
const compressions: Readonly<Record<string, readonly [ending: string, remains: number]>> = {
  '0': ['tar', 1.05],
  '1': ['tar.lzo', 0.6],
  lzo: ['tar.lzo', 0.6],
  gzip: ['tar.gz', 0.45],
  zstd: ['tar.zst', 0.44],
};

/** A vzdump job. */
export interface BackupJob {
  readonly node: string;
  readonly guests: readonly number[];
  /** Guests were named; missing rights on them are errors. */
  readonly explicit: boolean;
  readonly storage: string;
}

/** Parts of a time in UTC, which is the zone of the simulated nodes. */
export function timeParts(ms: number): { date: string[]; clock: string[] } {
  const [date = '', clock = ''] = new Date(ms).toISOString().slice(0, 19).split('T');
  return { date: date.split('-'), clock: clock.split(':') };
}

function fileTime(ms: number): string {
  const { date, clock } = timeParts(ms);
  return `${date.join('_')}-${clock.join('_')}`;
}

/** Volumes of the container that backups include: the root disk, and mount points that ask for it. */
export function savedMounts(container: SimContainer): { key: string; path: string; volid: string }[] {
  return mountsOf(container.config)
    .filter(
      ([key, mount]) => mount.kind === 'volume' && (key === 'rootfs' || mount.options['backup'] === '1'),
    )
    .map(([key, mount]) => ({ key, path: mount.options['mp'] ?? '/', volid: mount.volume }));
}

/** Logs which mount points go into the backup. */
export function logMounts(worker: SimWorker, container: SimContainer): void {
  const saved = new Set(savedMounts(container).map(({ key }) => key));
  for (const [key, mount] of mountsOf(container.config)) {
    const path = mount.options['mp'] ?? '/';
    worker.log(
      saved.has(key)
        ? `INFO: including mount point ${key} ('${path}') in backup`
        : `INFO: excluding ${mount.kind} mount point ${key} ('${path}') from backup (${mount.kind === 'volume' ? 'disabled' : `not a volume`})`,
    );
  }
}

/**
 * Writes the archive; time passes with its size.
 *
 * @param startedMs - simulated time at which the backup began; the file is named by it.
 * @returns the new volume.
 * @throws SimError 500 when there is no room for it.
 */
export async function writeArchive(
  context: HandlerContext,
  worker: SimWorker,
  job: BackupJob,
  storage: SimStorage,
  container: SimContainer,
  startedMs: number,
): Promise<SimVolume> {
  const { state } = context;
  const { vmid, node } = container;
  const compression = context.text('compress') ?? '0';
  const [ending, remains] = compressions[compression] ?? (['tar', 1.05] as const);
  const name = `backup/vzdump-lxc-${vmid}-${fileTime(startedMs)}.${ending}`;
  const path = volumePath(storage, name);
  worker.log(`INFO: creating vzdump archive '${path}'`);
  const volumes = savedMounts(container).flatMap(({ volid }) => findVolume(state, node, volid) ?? []);
  const bytes = volumes.reduce((sum, volume) => sum + contentBytes(volume), 0) + 20 * 1024;
  const written = Math.ceil(bytes / 10_240) * 10_240;
  await worker.sleep(durations.allocate + Math.ceil((written / bytesPerSecond) * 1000));
  const sizeBytes = Math.round(written * remains);
  if (sizeBytes > storageUsage(state, job.storage, job.node).avail)
    die(`command 'set -o pipefail && lxc-usernsexec -- tar cpf - ./' failed: exit code 2`);
  worker.log(
    `INFO: Total bytes written: ${written} (${(written / MiB).toFixed(1)}MiB, ${bytesPerSecond / MiB}MiB/s)`,
  );
  worker.log(`INFO: archive file size: ${Math.round(sizeBytes / MiB)}MB`);
  const { lock: _lock, ...config } = container.config;
  const systemd = volumes[0]?.meta?.['systemd'];
  const content: BackupContent = {
    vmid,
    config,
    raw: structuredClone(container.raw),
    contentBytes: bytes,
    ...(typeof systemd === 'number' ? { systemd } : {}),
  };
  return addVolume(state, {
    volid: `${storage.storage}:${name}`,
    storage: storage.storage,
    node: storage.shared ? null : node,
    content: 'backup',
    format: ending,
    sizeBytes,
    usedBytes: sizeBytes,
    ctime: Math.floor(startedMs / 1000),
    vmid,
    snapshots: [],
    meta: { backup: content },
  });
}

/** Adds the notes and the protection that the request asks for. */
export function addAttributes(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
  volume: SimVolume,
): void {
  const template = context.text('notes-template');
  if (template !== undefined) {
    worker.log('INFO: adding notes to backup');
    const values: Readonly<Record<string, string>> = {
      cluster: context.state.clusterName ?? 'standalone node - no cluster',
      guestname: guestName(container),
      node: container.node,
      vmid: String(container.vmid),
    };
    volume.notes = template
      .replaceAll('\\n', '\n')
      .replaceAll(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
  }
  if (context.flag('protected') === true) {
    worker.log('INFO: marking backup as protected');
    volume.protected = true;
  }
}
