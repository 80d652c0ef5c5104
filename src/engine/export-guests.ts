/** Export, second part: containers in full, machines as ids that are taken. Reads only; keeps no secrets. */

import { PveNotFoundError } from '../api/errors/not-found-error.ts';
import type { Returns } from '../api/types.ts';
import { decodeBoolean, decodeNumber } from '../codec/scalar.ts';
import { MiB } from '../util/bytes.ts';
import { type Config, configOf, noteMasked, partOf, rawOf } from './export-config.ts';
import type { Reader } from './export-reader.ts';
import type { ExportedContainer, ExportedSnapshot, ExportedVm } from './export-types.ts';
import { decodeInterfaces } from './interfaces.ts';
import { compact } from './resources.ts';

type ResourceRow = Returns<'GET', '/cluster/resources'>[number];
type LiveRow = Returns<'GET', '/nodes/{node}/lxc'>[number];

/** Guests of the cluster. */
export interface ExportedGuests {
  readonly containers: Readonly<Record<number, ExportedContainer>>;
  readonly vms: Readonly<Record<number, ExportedVm>>;
  /** Bytes in the root disks of running containers, by guest id. */
  readonly diskBytes: Readonly<Record<number, number>>;
}

const hourMs = 3_600_000;
const defaultCpuUnits = 100;
const snapshotKeys = ['snaptime', 'snapstate', 'description', 'parent'];

async function readSnapshots(
  reader: Reader,
  place: { node: string; vmid: number },
): Promise<{ snapshots: Record<string, ExportedSnapshot>; parent: string | undefined }> {
  const rows = await reader.ask(`snapshots of container ${place.vmid}`, (get, options) =>
    get('/nodes/{node}/lxc/{vmid}/snapshot', place, options),
  );
  const named = (rows ?? []).filter(({ name }) => name !== 'current');
  const snapshots = await Promise.all(
    named.map(async (row): Promise<ExportedSnapshot | undefined> => {
      const { name } = row;
      const answer: Config | undefined = await reader.ask(
        `snapshot ${name} of container ${place.vmid}`,
        (get, options) =>
          get('/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config', { ...place, snapname: name }, options),
      );
      if (!answer) return undefined;
      const description = answer['description'];
      return compact({
        name,
        parent: row.parent,
        description: description === undefined ? undefined : String(description),
        snaptime: decodeNumber(row.snaptime) ?? decodeNumber(answer['snaptime']) ?? 0,
        snapstate: answer['snapstate'] === undefined ? undefined : String(answer['snapstate']),
        config: configOf(answer, snapshotKeys),
      }) as ExportedSnapshot;
    }),
  );
  return {
    snapshots: Object.fromEntries(snapshots.filter((one) => one !== undefined).map((one) => [one.name, one])),
    parent: rows?.find(({ name }) => name === 'current')?.parent,
  };
}

function pendingOf(rows: Returns<'GET', '/nodes/{node}/lxc/{vmid}/pending'>): {
  pending: Record<string, string>;
  pendingDelete: Record<string, boolean>;
} {
  const waiting = rows.filter(({ key, pending }) => key !== 'digest' && pending !== undefined);
  const removed = rows.filter((row) => Number(row.delete ?? 0) !== 0);
  return {
    pending: configOf(Object.fromEntries(waiting.map(({ key, pending }) => [key, pending]))),
    pendingDelete: Object.fromEntries(removed.map((row) => [row.key, Number(row.delete) === 2])),
  };
}

function runtimeOf(reader: Reader, live: LiveRow, config: Config): ExportedContainer['runtime'] {
  if (live.status !== 'running') return null;
  const wholeMiB = (bytes: unknown): number => Math.round((decodeNumber(bytes) ?? 0) / MiB);
  return {
    pid: decodeNumber((live as Config)['pid']) ?? Number(live.vmid),
    startedAtMs: reader.nowMs - (decodeNumber(live.uptime) ?? 0) * 1000,
    memoryMiB: wholeMiB(live.maxmem),
    swapMiB: wholeMiB(live.maxswap),
    cpuLimit: String(config['cpulimit'] ?? '0'),
    cpuUnits: decodeNumber(config['cpuunits']) ?? defaultCpuUnits,
    ignoresShutdown: false,
  };
}

/** What is known of a container that cannot be read: enough to keep its id and to show it. */
function placeholder(reader: Reader, row: ResourceRow): ExportedContainer {
  const memory = decodeNumber(row.maxmem);
  const config = compact({
    hostname: row.name,
    memory: memory === undefined ? undefined : String(Math.round(memory / MiB)),
    tags: row.tags,
    lock: row.lock,
    template: decodeBoolean(row.template) ? '1' : undefined,
  });
  return {
    vmid: Number(row.vmid),
    node: row.node ?? '',
    config: config as Record<string, string>,
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: null,
    createdAtMs: reader.nowMs - hourMs,
    raw: [],
  };
}

async function readContainer(
  reader: Reader,
  row: ResourceRow,
  live: LiveRow | undefined,
): Promise<ExportedContainer | undefined> {
  const place = { node: row.node ?? '', vmid: Number(row.vmid) };
  const what = `container ${place.vmid} on ${place.node}`;
  if (!live) return placeholder(reader, row);
  let gone = false;
  const config: Config | undefined = await reader.ask(`configuration of ${what}`, async (get, options) => {
    try {
      return await get('/nodes/{node}/lxc/{vmid}/config', { ...place, current: true }, options);
    } catch (error) {
      // Removed or moved since the list was made: then there is nothing to keep its id for.
      if (!(error instanceof PveNotFoundError)) throw error;
      gone = true;
      return undefined;
    }
  });
  if (gone) {
    reader.note('CONTAINER_GONE', `${what} was removed or moved while the cluster was read; left out`);
    return undefined;
  }
  if (!config) return placeholder(reader, row);
  const [waiting = [], { snapshots, parent }] = await Promise.all([
    reader.ask(`pending changes of ${what}`, (get, options) =>
      get('/nodes/{node}/lxc/{vmid}/pending', place, options),
    ),
    readSnapshots(reader, place),
  ]);
  const values = configOf(config);
  const raw = rawOf(config);
  const leases = live.status === 'running' ? await readLeases(reader, place, values) : {};
  noteMasked(reader, place.vmid, [values['env'] ?? '', ...raw.map(([, value]) => value)]);
  return {
    ...place,
    config: { ...values, ...(parent === undefined ? {} : { parent }) },
    ...pendingOf(waiting),
    snapshots,
    runtime: runtimeOf(reader, live, config),
    createdAtMs: reader.nowMs - hourMs,
    raw,
    ...(Object.keys(leases).length > 0 ? { leases } : {}),
  };
}

/** Addresses that DHCP servers gave a running container: the only thing about them that can be seen. */
async function readLeases(
  reader: Reader,
  place: { node: string; vmid: number },
  config: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const nets = Object.entries(config).filter(
    ([key, value]) => /^net\d+$/.test(key) && partOf(value, 'ip') === 'dhcp',
  );
  if (nets.length === 0) return {};
  const rows = await reader.ask(`addresses of container ${place.vmid}`, (get, options) =>
    get('/nodes/{node}/lxc/{vmid}/interfaces', place, options),
  );
  const interfaces = decodeInterfaces(rows ?? null);
  return Object.fromEntries(
    nets.flatMap(([key, value]) => {
      const mac = partOf(value, 'hwaddr')?.toLowerCase();
      const found = interfaces.find((one) => one.mac?.toLowerCase() === mac);
      const address = found?.addresses.find((text) => /^\d+\.\d+\.\d+\.\d+\/\d+$/.test(text));
      return address === undefined ? [] : [[key, address]];
    }),
  );
}

function machineOf(row: ResourceRow): ExportedVm {
  const memory = decodeNumber(row.maxmem);
  const cores = decodeNumber(row.maxcpu);
  return {
    vmid: Number(row.vmid),
    node: row.node ?? '',
    name: row.name ?? `VM${row.vmid}`,
    status: row.status === 'running' ? 'running' : 'stopped',
    config: compact({
      memory: memory === undefined ? undefined : String(Math.round(memory / MiB)),
      cores: cores === undefined ? undefined : String(cores),
      template: decodeBoolean(row.template) ? '1' : undefined,
      tags: row.tags,
      lock: row.lock,
    }) as Record<string, string>,
  };
}

/**
 * Reads the guests.
 *
 * @param rows - GET /cluster/resources.
 * @param online - nodes that can be asked.
 */
export async function exportGuests(
  reader: Reader,
  rows: readonly ResourceRow[],
  online: readonly string[],
): Promise<ExportedGuests> {
  const lists = await Promise.all(
    online.map((node) =>
      reader.ask(`state of the containers on ${node}`, (get, options) =>
        get('/nodes/{node}/lxc', { node }, options),
      ),
    ),
  );
  const live = new Map(lists.flatMap((list) => list ?? []).map((row) => [Number(row.vmid), row]));
  const guests = rows.toSorted((a, b) => Number(a.vmid) - Number(b.vmid));
  const containers = await Promise.all(
    guests
      .filter(({ type }) => type === 'lxc')
      .map((row) => readContainer(reader, row, live.get(Number(row.vmid)))),
  );
  const machines = guests.filter(({ type }) => type === 'qemu').map(machineOf);
  return {
    containers: Object.fromEntries(
      containers.filter((one) => one !== undefined).map((one) => [one.vmid, one]),
    ),
    vms: Object.fromEntries(machines.map((machine) => [machine.vmid, machine])),
    diskBytes: Object.fromEntries(
      [...live].flatMap(([vmid, row]) => {
        const bytes = row.status === 'running' ? decodeNumber(row.disk) : undefined;
        return bytes === undefined ? [] : [[vmid, bytes]];
      }),
    ),
  };
}
