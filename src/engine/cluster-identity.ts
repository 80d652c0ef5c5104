/** Which cluster a saved plan was made for: its nodes and their certificates, which no other cluster has. */
import type { EngineContext } from './context.ts';
import { PlanRefusedError } from './errors.ts';

/** SHA-256 fingerprints of the certificates by node; empty where the server does not tell one. */
export type ClusterIdentity = Readonly<Record<string, string>>;

/**
 * Asks the cluster who it is.
 *
 * @param context - client, clock, limits, events.
 * @returns nodes and fingerprints, in order of their names. Proxmox VE: GET /nodes tells them to everybody.
 * @throws PveError when the cluster cannot be asked.
 */
export async function readIdentity(context: EngineContext): Promise<ClusterIdentity> {
  const rows = await context.pve.get('/nodes', {}, { signal: context.signal });
  return Object.fromEntries(
    rows
      .map(({ node, ssl_fingerprint: fingerprint }) => [node, fingerprint ?? ''] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Certificates are renewed and nodes come and go, so one node that is as it was is enough. */
function isSame(one: ClusterIdentity, other: ClusterIdentity): boolean {
  return Object.entries(one).some(([node, fingerprint]) => {
    const now = other[node];
    return now !== undefined && (now === fingerprint || now === '' || fingerprint === '');
  });
}

/**
 * Insists on the cluster that a saved plan was made for: names of nodes and ids of containers are much the same everywhere.
 *
 * @param context - client of the cluster that the plan is about to be carried out on.
 * @param saved.fleet - name of the fleet.
 * @param saved.cluster - what {@link readIdentity} gave when the plan was made; plans of older versions have none.
 * @param saved.endpoint - where it was made.
 * @throws {@link PlanRefusedError} when it is another one; PveError when the cluster cannot be asked.
 */
export async function assertSameCluster(
  context: EngineContext,
  saved: { readonly fleet: string; readonly cluster?: ClusterIdentity; readonly endpoint: string },
): Promise<void> {
  if (saved.cluster === undefined || isSame(saved.cluster, await readIdentity(context))) return;
  throw new PlanRefusedError({
    fleet: saved.fleet,
    message: `the plan of ${saved.fleet} was made for another cluster than that at ${context.pve.url}: no node has the certificate that it had then`,
    hint: `connect to ${saved.endpoint}, or make a new plan, also after certificates were renewed`,
  });
}
