/** DesiredFleet → fleet file: the way back of build.ts, for `import`. What is at its default is left out. */
import { Document, isScalar } from 'yaml';
import type {
  DesiredContainer,
  DesiredFirewall,
  DesiredFleet,
  DesiredMount,
  DesiredNet,
  DesiredRootfs,
} from '../domain/desired.ts';
import { formatSize, MiB } from '../util/bytes.ts';
import type {
  FileContainer,
  FileFirewall,
  FileMount,
  FileNet,
  FileRootfs,
  FileStartup,
  FleetFile,
} from './file.ts';
import { formatReference } from './secrets.ts';

type Loose<T> = { [K in keyof T]: T[K] | undefined };

function compact<T extends object>(value: Loose<T>): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

function size(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  return bytes === 0 ? '0MiB' : formatSize(bytes);
}

const mebibytes = (value: number | undefined): string | undefined =>
  size(value === undefined ? undefined : value * MiB);

function mapValues<From, To>(
  map: Readonly<Record<string, From>> | undefined,
  change: (value: From) => To,
): Readonly<Record<string, To>> | undefined {
  return map && Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

const rootfs = ({ storage, sizeBytes, ...rest }: DesiredRootfs): FileRootfs =>
  compact<FileRootfs>({ storage, size: size(sizeBytes), ...rest });
const mount = ({ storage, sizeBytes, source, ...rest }: DesiredMount): FileMount =>
  compact<FileMount>({ storage, size: size(sizeBytes), source, ...rest });
const net = ({ rateMBps, ip, ip6, ipPool, ip6Pool, ...rest }: DesiredNet): FileNet =>
  compact<FileNet>({ ...rest, ip: ipPool ?? ip, ip6: ip6Pool ?? ip6, rate: rateMBps });

/** A rule of a file is on unless it says otherwise. */
const firewall = ({ rules, ...rest }: DesiredFirewall): FileFirewall =>
  compact<FileFirewall>({
    ...rest,
    rules: rules?.map(({ enable, ...rule }) => (enable ? rule : { ...rule, enable })),
  });

function writeOptions({ options }: DesiredContainer): FileContainer {
  const { nameservers, searchDomains, startup, arch, ostype, ...same } = options;
  return compact<FileContainer>({
    ...same,
    startup:
      startup &&
      compact<FileStartup>({ order: startup.order, up: startup.upSeconds, down: startup.downSeconds }),
    nameserver: nameservers,
    searchDomain: searchDomains,
    arch,
    ostype,
  });
}

function writeContainer(container: DesiredContainer): FileContainer {
  const { key, hostname, vmid, compute, access, power, restart } = container;
  return compact<FileContainer>({
    vmid: vmid === 'auto' ? undefined : vmid,
    hostname: hostname === key ? undefined : hostname,
    adopt: container.adopt || undefined,
    renamedFrom: container.renamedFrom,
    node: container.node,
    template: container.from ? undefined : container.template,
    from: container.from,
    isTemplate: container.isTemplate,
    templateStorage: container.templateStorage,
    unprivileged: container.unprivileged ? undefined : false,
    cores: compute.cores,
    cpuLimit: compute.cpuLimit,
    cpuUnits: compute.cpuUnits,
    memory: mebibytes(compute.memoryMiB),
    swap: mebibytes(compute.swapMiB),
    rootfs:
      Object.keys(container.rootfs).length === 0 && container.from ? undefined : rootfs(container.rootfs),
    mounts: mapValues(container.mounts, mount),
    nets: mapValues(container.nets, net),
    devices: container.devices,
    features: container.features,
    ...writeOptions(container),
    pool: container.pool,
    ha: container.ha,
    firewall: container.firewall && firewall(container.firewall),
    power: power === (container.isTemplate ? 'stopped' : 'running') ? undefined : power,
    reset: container.reset,
    restart: restart === 'ask' ? undefined : restart,
    dependsOn: container.dependsOn,
    sshKeys: access?.sshKeys,
    password: access?.password && formatReference(access.password.$secret),
  });
}

/**
 * Describes a fleet in the vocabulary of the file.
 *
 * @param fleet - for example containers that were read from a cluster.
 * @returns the content of a fleet file that loads as this fleet.
 */
export function toFleetFile(fleet: DesiredFleet): FleetFile {
  return {
    version: 1,
    fleet: fleet.name,
    vmids: fleet.vmids,
    containers: Object.fromEntries(
      fleet.containers.map((container) => [container.key, writeContainer(container)]),
    ),
  };
}

/** What {@link writeFleet} adds to the content. */
export interface WriteOptions {
  /** Lines to begin with, without `#`. */
  readonly comment?: readonly string[];
  /** Remarks behind single values, by their path. */
  readonly remarks?: readonly { readonly path: readonly string[]; readonly text: string }[];
}

/**
 * Writes a fleet file.
 *
 * @param file - its content.
 * @param options - comments.
 * @returns YAML that ends with a newline.
 */
export function writeFleet(file: FleetFile, { comment = [], remarks = [] }: WriteOptions = {}): string {
  const document = new Document(file, { aliasDuplicateObjects: false });
  for (const { path, text } of remarks) {
    const node = document.getIn(path, true);
    if (isScalar(node)) node.comment = ` ${text}`;
  }
  const lines = comment.map((line) => `# ${line}`.trimEnd());
  return [...lines, document.toString({ lineWidth: 0 })].join('\n');
}
