/** Small builders of domain values: everything has a default, a test says only what it is about. */
import { joinDescription } from '../../src/codec/description.ts';
import { decodeLxcConfig } from '../../src/codec/lxc-config.ts';
import type {
  ActualContainer,
  CatalogueEntry,
  ClusterSnapshot,
  GuestSummary,
  Ownership,
  StorageInfo,
  StoredTemplate,
} from '../../src/domain/actual.ts';
import type { DesiredContainer, DesiredFleet } from '../../src/domain/desired.ts';
import type { Action, Plan, Policy } from '../../src/domain/plan.ts';
import { GiB, MiB } from '../../src/util/bytes.ts';

/** A container as a fleet file has it. */
export function desired(key: string, more: Partial<DesiredContainer> = {}): DesiredContainer {
  return {
    key,
    hostname: key,
    vmid: 'auto',
    node: 'pve1',
    template: 'debian-13',
    unprivileged: true,
    compute: { cores: 1, memoryMiB: 512, swapMiB: 0 },
    rootfs: { storage: 'local-lvm', sizeBytes: 8 * GiB },
    options: {},
    power: 'running',
    adopt: false,
    restart: 'ask',
    ...more,
  };
}

/** A fleet file. */
export function fleetOf(
  containers: readonly DesiredContainer[],
  more: Partial<DesiredFleet> = {},
): DesiredFleet {
  return { name: 'lab', vmids: { from: 100, to: 199 }, containers, ...more };
}

/** What {@link actual} may be told. */
export interface ActualOptions extends Partial<Omit<ActualContainer, 'live' | 'next' | 'type'>> {
  /** Config in force, as the server gives it; added to the defaults. */
  readonly config?: Readonly<Record<string, string | number>>;
  /** Keys of the next start that differ; undefined: to be removed. */
  readonly nextConfig?: Readonly<Record<string, unknown>>;
  /** Owner; its line and tag are put into the config. */
  readonly owner?: Partial<Ownership>;
}

/** Raw config of a container that {@link desired} describes. */
function rawConfig(hostname: string, vmid: number): Record<string, string | number> {
  return {
    arch: 'amd64',
    ostype: 'debian',
    hostname,
    memory: 512,
    swap: 0,
    cores: 1,
    unprivileged: 1,
    rootfs: `local-lvm:vm-${vmid}-disk-0,size=8G`,
  };
}

/** A container of the cluster: running, in force what waits for nothing, of no owner unless told. */
export function actual(name: string, vmid: number, options: ActualOptions = {}): ActualContainer {
  const { config, nextConfig, owner, ...more } = options;
  const raw: Record<string, string | number> = { ...rawConfig(name, vmid), ...config };
  const ownership: Ownership | undefined = owner && { fleet: 'lab', key: name, specDigest: '00', ...owner };
  if (ownership) {
    raw['description'] = joinDescription(String(raw['description'] ?? ''), ownership);
    raw['tags'] = ['pvefleet', ...String(raw['tags'] ?? '').split(';')].filter(Boolean).sort().join(';');
  }
  const live = decodeLxcConfig(raw);
  const pending = Object.keys(nextConfig ?? {});
  const next = nextConfig ? decodeLxcConfig({ ...raw, ...nextConfig }) : live;
  return {
    type: 'lxc',
    vmid,
    node: 'pve1',
    name,
    status: 'running',
    isTemplate: false,
    tags: live.tags ?? [],
    usage: { memoryBytes: 100 * MiB },
    live,
    next,
    pending,
    digest: `digest-${vmid}`,
    ...(ownership ? { ownership } : {}),
    ...more,
  };
}

/** The row of a virtual machine. */
export function machine(vmid: number, more: Partial<GuestSummary> = {}): GuestSummary {
  return {
    type: 'qemu',
    vmid,
    node: 'pve1',
    name: `vm${vmid}`,
    status: 'running',
    isTemplate: false,
    tags: [],
    usage: {},
    ...more,
  };
}

/** A storage of a node. */
export function storage(name: string, node: string, more: Partial<StorageInfo> = {}): StorageInfo {
  return {
    storage: name,
    node,
    type: 'dir',
    content: ['vztmpl', 'rootdir'],
    shared: false,
    active: true,
    ...more,
  };
}

/** An archive on a storage. */
export function stored(file: string, more: Partial<StoredTemplate> = {}): StoredTemplate {
  return { volid: `${more.storage ?? 'local'}:vztmpl/${file}`, storage: 'local', node: 'pve1', ...more };
}

/** An entry of the appliance catalogue. */
export function offered(file: string, more: Partial<CatalogueEntry> = {}): CatalogueEntry {
  const [name = '', version = '', architecture = ''] = file.replace(/\.tar.*$/, '').split('_');
  return { template: file, package: name, version, architecture, os: name, section: 'system', ...more };
}

/** The archive that `debian-13` means in {@link snapshotOf}. */
export const debian = 'debian-13-standard_13.1-2_amd64.tar.zst';

/** A cluster of two nodes with these containers and other guests; the template of {@link desired} is stored on both. */
export function snapshotOf(
  containers: readonly ActualContainer[] = [],
  more: Partial<ClusterSnapshot> & { readonly others?: readonly GuestSummary[] } = {},
): ClusterSnapshot {
  const { others = [], ...rest } = more;
  const nodes = ['pve1', 'pve2'];
  return {
    nodes: nodes.map((node) => ({ node, online: true })),
    storages: nodes.flatMap((node) => [
      storage('local', node, { content: ['vztmpl', 'iso', 'backup'] }),
      storage('local-lvm', node, { type: 'lvmthin', content: ['rootdir', 'images'] }),
    ]),
    guests: [
      ...containers.map(
        ({ live: _live, next: _next, pending: _pending, digest: _digest, ...guest }) => guest,
      ),
      ...others,
    ],
    containers: new Map(containers.map((container) => [container.vmid, container])),
    templates: nodes.map((node) => stored(debian, { node })),
    catalogue: [],
    pools: [],
    tagStyle: { caseSensitive: false, keepOrder: false },
    ...rest,
  };
}

/** A policy; by default nothing destructive is allowed and everything is meant. */
export function policyOf(
  more: Partial<Omit<Policy, 'allow'>> & { readonly allow?: Partial<Policy['allow']> } = {},
): Policy {
  return {
    maxDestroy: 0,
    prune: true,
    target: [],
    exclude: [],
    ...more,
    allow: { destroy: false, recreate: false, restart: false, ...more.allow },
  };
}

/** Ids of a plan's actions, in order. */
export const idsOf = (plan: Plan): string[] => plan.actions.map(({ id }) => id);

/** An action of a plan; fails where there is none. */
export function actionOf(plan: Plan, id: string): Action {
  const action = plan.actions.find((one) => one.id === id);
  if (!action) throw new Error(`no action ${id} among ${idsOf(plan).join(', ') || 'none'}`);
  return action;
}

/** Codes of a plan's refusals, in order. */
export const refusedBy = (plan: Plan): string[] => plan.refusals.map(({ code }) => code);
