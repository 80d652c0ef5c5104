/** What the cluster offers a new container: read when asked for, once per node. */
import type { GuestSummary } from '../domain/actual.ts';
import type { EngineContext } from '../engine/context.ts';
import { observe } from '../engine/observe.ts';
import { listCatalogue, listTemplates } from '../engine/templates.ts';
import type { ContainerAnswers, Offers } from '../prompts/container.ts';
import { UsageError } from '../util/errors.ts';

/** The offers, and who is there already. */
export interface ClusterOffers extends Offers {
  readonly guests: readonly GuestSummary[];
}

/** Remembers the answer for each node. */
function perNode<T>(read: (node: string) => Promise<T>): (node: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (node) => {
    const answer = known.get(node) ?? read(node);
    known.set(node, answer);
    return answer;
  };
}

/**
 * Reads nodes and storages, and prepares the rest.
 *
 * @param context - connection.
 * @returns the offers.
 */
export async function clusterOffers(context: EngineContext): Promise<ClusterOffers> {
  const snapshot = await observe(context, {});
  return {
    guests: snapshot.guests,
    nodes: snapshot.nodes,
    storages: (node) =>
      snapshot.storages.filter((one) => one.node === node && one.active && one.content.includes('rootdir')),
    stored: perNode(async (node) => (await listTemplates(context, { node })).templates),
    catalogue: perNode(async (node) => (await listCatalogue(context, node)).entries),
    bridges: perNode(async (node) => {
      const rows = await context.pve.get(
        '/nodes/{node}/network',
        { node, type: 'any_bridge' },
        { signal: context.signal },
      );
      return rows.map((row) => row.iface).sort();
    }),
  };
}

/**
 * Completes the answers without asking: small defaults, and the only node, storage or bridge where there is just one.
 *
 * @param offers - what the cluster has.
 * @param given - answers from flags.
 * @returns all answers.
 * @throws {@link UsageError} (code NO_TERMINAL) that names every flag that is missing.
 */
export async function defaultsFor(
  offers: Offers,
  given: Partial<ContainerAnswers>,
): Promise<ContainerAnswers> {
  const missing: string[] = [];
  const need = (value: string | undefined, flag: string, candidates: readonly string[] = []): string => {
    const [only] = candidates;
    if (value !== undefined) return value;
    if (only !== undefined && candidates.length === 1) return only;
    missing.push(candidates.length > 1 ? `${flag} (${candidates.join(', ')})` : flag);
    return '';
  };
  const online = offers.nodes.filter((node) => node.online).map((node) => node.node);
  const hostname = need(given.hostname, '--name');
  const template = need(given.template, '--template');
  const node = need(given.node, '--node', online);
  const known = node !== '';
  const storages = known ? offers.storages(node).map((one) => one.storage) : [];
  const storage = need(given.storage, '--storage', storages);
  const bridge = need(given.bridge, '--bridge', known && !given.bridge ? await offers.bridges(node) : []);
  if (missing.length > 0) {
    throw new UsageError(`create needs ${missing.join(', ')}`, {
      code: 'NO_TERMINAL',
      hint: 'on a terminal it would ask for them',
    });
  }
  return {
    rootfs: '8GiB',
    memory: '512MiB',
    cores: 1,
    ip: 'dhcp',
    ...given,
    hostname,
    template,
    node,
    storage,
    bridge,
  };
}
