/** Questions about a new container. Asks only for what is not known yet, and returns plain data. */
import type { CatalogueEntry, NodeInfo, StorageInfo, StoredTemplate } from '../domain/actual.ts';
import { humanSize, parseSize } from '../util/bytes.ts';
import type { Prompts, Validate } from './io.ts';
import { askTemplate } from './template.ts';

/** What the cluster offers; asked for node by node. */
export interface Offers {
  readonly nodes: readonly NodeInfo[];
  /** Storages of the node that take root disks. */
  storages(node: string): readonly StorageInfo[];
  stored(node: string): Promise<readonly StoredTemplate[]>;
  catalogue(node: string): Promise<readonly CatalogueEntry[]>;
  bridges(node: string): Promise<readonly string[]>;
}

/** What a new container needs to be told; sizes as text with a unit. */
export interface ContainerAnswers {
  readonly hostname: string;
  readonly node: string;
  readonly template: string;
  readonly storage: string;
  readonly rootfs: string;
  readonly memory: string;
  readonly cores: number;
  readonly bridge: string;
  readonly ip: string;
  readonly gateway?: string;
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** A host name, as the server takes it. */
export const validHostname: Validate = (text) =>
  (text !== '' && text.split('.').every((part) => label.test(part))) ||
  'Letters, digits and hyphens, not at the ends.';

/** A size with its unit. */
export const validSize: Validate = (text) => {
  const size = parseSize(text);
  if ('bytes' in size) return size.bytes > 0 || 'It must be more than nothing.';
  return `${size.error}${size.suggestion === undefined ? '' : `; did you mean ${size.suggestion}?`}`;
};

const validAddress: Validate = (text) =>
  ['dhcp', 'manual'].includes(text) ||
  /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(text) ||
  'dhcp, manual, or an address with prefix length such as 10.0.0.5/24.';

const validGateway: Validate = (text) =>
  text === '' || /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || 'An address such as 10.0.0.1, or nothing.';

function free(storage: StorageInfo): string {
  const { totalBytes, usedBytes } = storage;
  return totalBytes === undefined || usedBytes === undefined
    ? storage.type
    : `${storage.type}, ${humanSize(Math.max(0, totalBytes - usedBytes))} free`;
}

/** Takes the only choice without asking. */
async function choose(
  prompts: Prompts,
  message: string,
  choices: readonly { readonly value: string; readonly name: string }[],
): Promise<string> {
  const [only] = choices;
  return choices.length === 1 && only ? only.value : prompts.select({ message, choices });
}

/**
 * Asks where a container goes: node, storage, bridge, template.
 *
 * @param prompts - the terminal.
 * @param offers - what the cluster has.
 * @param given - what is known.
 * @returns the place, complete.
 */
export async function askPlace(
  prompts: Prompts,
  offers: Offers,
  given: Partial<ContainerAnswers>,
): Promise<Pick<ContainerAnswers, 'node' | 'template' | 'storage' | 'bridge'>> {
  const node =
    given.node ??
    (await choose(
      prompts,
      'Node',
      offers.nodes.filter((one) => one.online).map((one) => ({ value: one.node, name: one.node })),
    ));
  const template =
    given.template ?? (await askTemplate(prompts, await offers.stored(node), await offers.catalogue(node)));
  const storage =
    given.storage ??
    (await choose(
      prompts,
      'Storage of the root disk',
      offers.storages(node).map((one) => ({ value: one.storage, name: `${one.storage} (${free(one)})` })),
    ));
  const bridge =
    given.bridge ??
    (await choose(
      prompts,
      'Network bridge',
      (await offers.bridges(node)).map((name) => ({ value: name, name })),
    ));
  return { node, template, storage, bridge };
}

/**
 * Asks for everything about a new container that is not given.
 *
 * @param prompts - the terminal.
 * @param offers - what the cluster has.
 * @param given - answers from flags.
 * @returns all answers.
 */
export async function askContainer(
  prompts: Prompts,
  offers: Offers,
  given: Partial<ContainerAnswers>,
): Promise<ContainerAnswers> {
  const hostname = given.hostname ?? (await prompts.text({ message: 'Host name', validate: validHostname }));
  const place = await askPlace(prompts, offers, given);
  const rootfs =
    given.rootfs ??
    (await prompts.text({ message: 'Size of the root disk', default: '8GiB', validate: validSize }));
  const memory =
    given.memory ?? (await prompts.text({ message: 'Memory', default: '512MiB', validate: validSize }));
  const cores =
    given.cores ??
    Number(
      await prompts.text({
        message: 'Cores',
        default: '1',
        validate: (text) => /^[1-9]\d{0,3}$/.test(text) || 'A whole number from 1.',
      }),
    );
  const ip =
    given.ip ?? (await prompts.text({ message: 'IPv4 address', default: 'dhcp', validate: validAddress }));
  const gateway =
    given.gateway ??
    (ip.includes('/')
      ? await prompts.text({ message: 'Gateway (empty: none)', validate: validGateway })
      : '');
  return { hostname, ...place, rootfs, memory, cores, ip, ...(gateway === '' ? {} : { gateway }) };
}
