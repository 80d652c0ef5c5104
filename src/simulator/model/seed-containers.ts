/**
 * Containers that a seed file puts into a cluster before it answers its first request. Their values go through the checks
 * of the API; nothing else of it is asked.
 */
import { findOperation } from '../../schema/load.ts';
import { UsageError } from '../../util/errors.ts';
import { paramError, SimError } from '../context.ts';
import { validateParams } from '../validate/schema.ts';
import { textOf } from '../wire/scalar.ts';
import { applyStopped } from './apply-changes.ts';
import { macPrefix } from './datacenter.ts';
import { createdRootfsGiB, createdSwapMiB, isOfFamily, unsetCpuUnits, unsetMemoryMiB } from './defaults.ts';
import { commit, draftOf, mountsOf } from './lxc-config.ts';
import { randomMac } from './mac.ts';
import { localNode } from './nodes.ts';
import { prepareChange } from './prepare-change.ts';
import { newVolume, printMount } from './property-values.ts';
import { nextRandom } from './random.ts';
import { guestOf } from './resources.ts';
import type { SimContainer, SimState } from './state.ts';
import { isEnabled } from './storage-config.ts';
import { allocateVolume, fileSystemBytes, writeToVolume } from './volumes.ts';

/** A container of a seed file. */
export interface SeedContainer {
  /** Default: the first node. */
  readonly node?: string;
  readonly running?: boolean;
  readonly pool?: string;
  /** Values under the API's keys; volumes as `STORAGE:GIB`. What is left out is as a creation makes it. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** What a small distribution takes, unpacked. */
const contentBytes = 300 * 1024 ** 2;
const ageMs = 3_600_000;

const isMount = (key: string): boolean => key === 'rootfs' || isOfFamily(key, 'mp');

/** A storage of the node that takes root disks. */
function rootStorage(state: SimState, node: string): string | undefined {
  return Object.values(state.storages).find(
    (storage) => storage.content.includes('rootdir') && isEnabled(storage, node),
  )?.storage;
}

function checkedValues(
  vmid: number,
  node: string,
  given: NonNullable<SeedContainer['config']>,
): Record<string, string> {
  const operation = findOperation('PUT', '/nodes/{node}/lxc/{vmid}/config');
  const { unprivileged = true, ...values } = given;
  const params = Object.fromEntries(
    Object.entries({ ...values, node, vmid }).map(([key, value]) => [
      key,
      typeof value === 'boolean' ? String(Number(value)) : String(value),
    ]),
  );
  const { node: _, vmid: __, ...checked } = operation ? validateParams(operation, params) : params;
  const texts = Object.entries(checked).map(([key, value]) => [key, textOf(value)]);
  const isUnprivileged = ['1', 'true'].includes(String(unprivileged));
  return { ...Object.fromEntries(texts), ...(isUnprivileged ? { unprivileged: '1' } : {}) };
}

/** Makes the volumes that are asked for; others stay as they are written. */
function makeVolumes(state: SimState, container: SimContainer, ctime: number): void {
  const { vmid, node, config } = container;
  for (const [key, mount] of mountsOf(config)) {
    const request = mount.kind === 'volume' ? newVolume(mount.volume) : undefined;
    if (!request) continue;
    const volume = allocateVolume(state, { ...request, node, vmid, ctime });
    if (key === 'rootfs') writeToVolume(state, volume, Math.min(contentBytes, fileSystemBytes(volume)));
    config[key] = printMount(key, { ...mount, volume: volume.volid, sizeBytes: volume.sizeBytes });
  }
}

function addContainer(state: SimState, vmid: number, wanted: SeedContainer, nowMs: number): void {
  const node = wanted.node ?? localNode(state).name;
  if (!Object.hasOwn(state.nodes, node)) throw new SimError(500, `there is no node ${node}`);
  if (guestOf(state, vmid)) throw new SimError(500, 'the base has a guest of this id');
  const values = checkedValues(vmid, node, wanted.config ?? {});
  const storage = rootStorage(state, node);
  const container: SimContainer = {
    vmid,
    node,
    config: {},
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: null,
    createdAtMs: nowMs - ageMs,
    raw: [],
  };
  const set: Record<string, string> = {
    arch: 'amd64',
    ostype: 'debian',
    hostname: `CT${vmid}`,
    memory: String(unsetMemoryMiB),
    swap: String(createdSwapMiB),
    ...(storage === undefined ? {} : { rootfs: `${storage}:${createdRootfsGiB}` }),
    ...values,
  };
  const { unprivileged, ...changeable } = set;
  const others = Object.fromEntries(Object.entries(changeable).filter(([key]) => !isMount(key)));
  const seconds = Math.floor((nowMs - ageMs) / 1000);
  const changes = {
    state,
    seconds: () => seconds,
    newMac: () => randomMac(() => nextRandom(state), macPrefix(state)),
  };
  const draft = draftOf(container);
  prepareChange(changes, container, draft, { set: others, delete: [], revert: [] });
  const errors = applyStopped(changes, container, draft);
  if (Object.keys(errors).length > 0) paramError(errors);
  for (const [key, value] of Object.entries(set)) if (isMount(key)) draft.config[key] = value;
  if (unprivileged !== undefined) draft.config['unprivileged'] = unprivileged;
  commit(container, draft);
  makeVolumes(state, container, seconds);
  if (wanted.running) container.runtime = runtimeOf(state, container, nowMs);
  state.containers[vmid] = container;
  if (wanted.pool === undefined) return;
  const pool = state.pools[wanted.pool] ?? { poolid: wanted.pool, vms: [], storages: [] };
  state.pools[wanted.pool] = { ...pool, vms: [...pool.vms, vmid] };
}

function runtimeOf(state: SimState, { config }: SimContainer, nowMs: number): SimContainer['runtime'] {
  state.counters.pid += 1;
  return {
    pid: state.counters.pid,
    startedAtMs: nowMs - ageMs,
    memoryMiB: Number(config['memory'] ?? unsetMemoryMiB),
    swapMiB: Number(config['swap'] ?? 0),
    cpuLimit: config['cpulimit'] ?? '0',
    cpuUnits: Number(config['cpuunits'] ?? unsetCpuUnits),
    ignoresShutdown: false,
  };
}

/**
 * Puts containers into a cluster.
 *
 * @param state - the cluster; changed.
 * @param containers - by guest id.
 * @param nowMs - simulated time; the containers are an hour old.
 * @param source - where they come from, for messages.
 * @throws UsageError for what the API would not take, or the cluster has not got.
 */
export function addSeedContainers(
  state: SimState,
  containers: Readonly<Record<string, SeedContainer>>,
  nowMs: number,
  source: string,
): void {
  for (const [key, wanted] of Object.entries(containers)) {
    try {
      addContainer(state, Number(key), wanted, nowMs);
    } catch (error) {
      if (!(error instanceof SimError)) throw error;
      const { message, errors = {} } = error;
      const details = Object.entries(errors).map(([name, text]) => `${name}: ${text.trim()}`);
      throw new UsageError(`${source}: containers.${key}: ${details.join('; ') || message}`, {
        cause: error,
      });
    }
  }
}
