/** What must be true on the server after an action: asked after success, and when the answer to a request was lost. */
import type { Returns } from '../api/types.ts';
import { decodeNumber } from '../codec/scalar.ts';
import type { ActualContainer, GuestSummary } from '../domain/actual.ts';
import { fetchedFile } from '../domain/fetch-template.ts';
import type { Action } from '../domain/plan.ts';
import type { EngineContext } from './context.ts';
import { isGone } from './failures.ts';
import { type RawConfig, readRawConfig, toActual } from './read-container.ts';
import { requestText } from './request-text.ts';
import { decodeStatus } from './resources.ts';

/** State of a container now. */
export type LiveStatus = Returns<'GET', '/nodes/{node}/lxc/{vmid}/status/current'>;

/** Reads the state of a container from its node. */
export function readStatus(context: EngineContext, node: string, vmid: number): Promise<LiveStatus> {
  return context.pve.get(
    '/nodes/{node}/lxc/{vmid}/status/current',
    { node, vmid },
    { signal: context.signal },
  );
}

/** Whether a container exists on that node. */
export async function exists(context: EngineContext, node: string, vmid: number): Promise<boolean> {
  return readRawConfig(context, node, vmid).then(
    () => true,
    (error: unknown) => {
      if (isGone(error)) return false;
      throw error;
    },
  );
}

/**
 * The pool that an action puts its container into, when that is all it does.
 *
 * @returns name of the pool, null for none, or undefined for other actions.
 */
export function poolWanted({ request }: Action): string | null | undefined {
  if (request.path !== '/pools') return undefined;
  return request.params['delete'] === true ? null : requestText(request, 'poolid');
}

/**
 * The node that an action brings its container to.
 *
 * @returns its name; undefined for actions that leave it where it is.
 */
export function destinationOf(action: Action): string | undefined {
  return action.kind === 'container.migrate' ? requestText(action.request, 'target') : undefined;
}

/** The node of a container as the cluster knows it; undefined: it is gone. */
export async function readNode(context: EngineContext, vmid: number): Promise<string | undefined> {
  const rows = await context.pve.get('/cluster/resources', { type: 'vm' }, { signal: context.signal });
  return rows.find((row) => Number(row.vmid) === vmid)?.node;
}

/** The pool of a container; undefined: none. */
export async function readPool(context: EngineContext, vmid: number): Promise<string | undefined> {
  const rows = await context.pve.get('/cluster/resources', { type: 'vm' }, { signal: context.signal });
  return rows.find((row) => Number(row.vmid) === vmid)?.pool;
}

/** Whether a storage has this volume. */
export async function hasVolume(
  context: EngineContext,
  node: string,
  storage: string,
  volid: string,
): Promise<boolean> {
  const rows = await context.pve.get(
    '/nodes/{node}/storage/{storage}/content',
    { node, storage, content: 'vztmpl' },
    { signal: context.signal },
  );
  return rows.some((row) => row.volid === volid);
}

/** Node, storage and volume id of a template action; undefined for other actions. */
export function volumeOf(action: Action): { node: string; storage: string; volid: string } | undefined {
  const [storage, volume] = ['storage', 'volume'].map((name) => requestText(action.request, name));
  const template = fetchedFile(action.request);
  if (!action.kind.startsWith('template.') || storage === undefined) return undefined;
  const { node } = action.target;
  if (template !== undefined) return { node, storage, volid: `${storage}:vztmpl/${template}` };
  if (volume === undefined) return undefined;
  return { node, storage, volid: volume.includes(':') ? volume : `${storage}:${volume}` };
}

/** The container as domain functions want it, from its config and state alone. */
export function asActual(
  action: Action,
  vmid: number,
  raw: RawConfig,
  status: LiveStatus | undefined,
): ActualContainer {
  const uptimeSeconds = decodeNumber(status?.uptime);
  const guest: GuestSummary = {
    vmid,
    type: 'lxc',
    node: action.target.node,
    name: raw.live['hostname'] ?? `CT${vmid}`,
    status: decodeStatus(status?.status),
    isTemplate: raw.live['template'] === '1',
    tags: [],
    usage: {},
    ...(uptimeSeconds === undefined ? {} : { uptimeSeconds }),
    ...(raw.live['lock'] === undefined ? {} : { lock: raw.live['lock'] }),
  };
  const actual = toActual(guest, raw);
  return { ...actual, tags: actual.live.tags ?? [] };
}

/** The state that an action leads to; undefined when it leads to none. */
export function powerAfter(action: Action): 'running' | 'stopped' | undefined {
  if (action.kind === 'container.start' || action.kind === 'container.reboot') return 'running';
  if (action.kind === 'container.shutdown' || action.kind === 'container.stop') return 'stopped';
  return undefined;
}
