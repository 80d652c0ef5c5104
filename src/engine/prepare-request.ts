/** A plan's action → the request as it is sent now: present vmid, newest digest, secrets filled in. */

import { isGenerated } from '../domain/lab/account-actions.ts';
import { withoutExpiryTags } from '../domain/lab/expiry.ts';
import { withTagLeft } from '../domain/lab/frozen.ts';
import { withoutOwnershipTag } from '../domain/ownership.ts';
import type { Action, InsideWork, Plan } from '../domain/plan.ts';
import { unknownVolume } from '../domain/spelling.ts';
import type { ApiRequest, SecretPlaceholder, WireValue } from '../schema/request.ts';
import type { EngineContext } from './context.ts';
import { StalePlanError } from './failures.ts';
import { generatedPassword, openCredentials } from './lab/use-credentials.ts';
import { readRawConfig } from './read-container.ts';
import type { RunState } from './run-state.ts';

/** A request without placeholders. Never logged, never part of an event. */
export interface ReadyRequest extends ApiRequest {
  readonly params: Readonly<Record<string, WireValue>>;
}

function isPlaceholder(value: WireValue | SecretPlaceholder): value is SecretPlaceholder {
  return typeof value === 'object' && '$secret' in value;
}

/** Volumes of a copy have their names only once it is made; their place in the plan says only on which storage they are. */
async function nameVolumes(
  context: EngineContext,
  node: string,
  vmid: number,
  params: Record<string, WireValue>,
): Promise<void> {
  const unnamed = Object.entries(params).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' && /^(?:rootfs|mp\d+)$/.test(key) && value.includes(unknownVolume)
      ? [[key, value]]
      : [],
  );
  if (unnamed.length === 0) return;
  const { next } = await readRawConfig(context, node, vmid);
  for (const [key, value] of unnamed) {
    const volume = /^(?:volume=)?([^,]+)/.exec(next[key] ?? '')?.[1];
    if (volume === undefined)
      throw new StalePlanError(`CT ${vmid} has no ${key}`, { hint: 'make a new plan' });
    params[key] = value.replace(
      /^(volume=)?[^,]+/,
      (_, name: string | undefined) => `${name ?? ''}${volume}`,
    );
  }
}

/** Whether the server itself compares the digest. */
function takesDigest({ path, method }: ApiRequest): boolean {
  return method !== 'DELETE' && /\/lxc\/\{vmid\}\/(?:config|resize|move_volume)$/.test(path);
}

function variablesOf(work: InsideWork): Readonly<Record<string, string | SecretPlaceholder>> {
  return (work.kind === 'provision' && work.step.kind === 'run' && work.step.env) || {};
}

/**
 * Looks up every secret of a plan once, so that a missing one stops the run before anything is written.
 *
 * @param plan - the plan; values are not kept.
 * @throws UsageError when one cannot be resolved.
 */
export async function checkSecrets(context: EngineContext, plan: Plan): Promise<void> {
  await openCredentials(context, plan.actions);
  const values = plan.actions.flatMap(({ request, inside }) => [
    ...Object.values(request.params),
    ...Object.values(inside ? variablesOf(inside) : {}),
  ]);
  const references = values
    .filter(isPlaceholder)
    .filter((value) => !isGenerated(value))
    .map(({ $secret }) => $secret);
  for (const reference of new Set(references)) await context.resolveSecret(reference);
}

/**
 * The digest that the action's container must have.
 *
 * @returns the digest after our own last write, else that of the plan; undefined when the action does not care.
 */
function expectedDigest(run: RunState, action: Action): string | undefined {
  if (action.precondition.kind !== 'digest') return undefined;
  const vmid = run.vmidOf(action);
  return (vmid === undefined ? undefined : run.digests.get(vmid)) ?? action.precondition.digest;
}

/**
 * Makes an action's request ready to be sent.
 *
 * @returns the request, with secrets in it.
 * @throws StalePlanError when the container has changed and the operation has no digest parameter of its own;
 *   UsageError when a secret cannot be resolved.
 */
export async function prepareRequest(
  context: EngineContext,
  run: RunState,
  action: Action,
): Promise<ReadyRequest> {
  const { request, target } = action;
  const params: Record<string, WireValue> = {};
  const asked =
    (run.isTagless ? withoutOwnershipTag(request) : undefined) ??
    (run.hasNoEndTags ? withoutExpiryTags(request) : undefined) ??
    request.params;
  const given = [...(run.leftTags.get(action.id) ?? [])].reduce<ApiRequest['params']>(
    (before, tag) => withTagLeft({ ...request, params: before }, tag) ?? before,
    asked,
  );
  for (const [name, value] of Object.entries(given)) {
    if (!isPlaceholder(value)) params[name] = value;
    else {
      // an action may hold a secret of ours beside the one that it makes
      const made = isGenerated(value) ? await generatedPassword(context, action) : undefined;
      params[name] = made ?? (await context.resolveSecret(value.$secret));
    }
  }
  const vmid = run.vmidOf(action);
  if (action.kind === 'container.clone' && vmid !== undefined) {
    // here `vmid` is the source
    params['newid'] = vmid;
    params['vmid'] = run.idNow(Number(params['vmid']));
  } else if (vmid !== undefined && 'vmid' in params) params['vmid'] = vmid;
  if (vmid !== undefined) await nameVolumes(context, target.node, vmid, params);

  const onVmid = action.kind.startsWith('acl.')
    ? /^\/vms\/(\d+)$/.exec(String(params['path']))?.[1]
    : undefined;
  if (onVmid !== undefined) params['path'] = `/vms/${run.idNow(Number(onVmid))}`;

  if (vmid !== undefined && 'sid' in params) params['sid'] = `ct:${vmid}`;
  const rules = vmid === undefined ? undefined : run.ruleDigests.get(vmid);
  if (action.kind === 'firewall.rule' && rules !== undefined) params['digest'] = rules;

  const digest = expectedDigest(run, action);
  if (digest === undefined) return { ...request, params };
  if (takesDigest(request)) return { ...request, params: { ...params, digest } };
  if (vmid !== undefined && (await readRawConfig(context, target.node, vmid)).digest !== digest) {
    throw new StalePlanError(`CT ${vmid} has changed since it was planned`, { hint: 'make a new plan' });
  }
  return { ...request, params };
}
