/** Builders of actions: the literal requests, one per kind. */
import type { ApiRequest } from '../schema/request.ts';
import type { ContainerKey, Vmid } from './desired.ts';
import type { Action, ActionKind, FieldChange, Precondition } from './plan.ts';
import { riskOfKind } from './risk.ts';

/** Where an action goes. */
export interface Target {
  readonly key: ContainerKey;
  readonly vmid: Vmid;
  readonly node: string;
}

/** What all builders take. */
export interface Step {
  readonly reason: string;
  readonly after?: readonly string[];
  readonly changes?: readonly FieldChange[];
}

type Params = ApiRequest['params'];

const none: Precondition = { kind: 'none' };
/** Path of a container. */
export const guest: string = '/nodes/{node}/lxc/{vmid}';
/** Its parameters. */
export const place = ({ node, vmid }: Target): Params => ({ node, vmid });

/**
 * Builds an action.
 *
 * @param more - default: a task, without precondition.
 */
export function build(
  kind: ActionKind,
  id: string,
  target: Action['target'],
  request: ApiRequest,
  step: Step,
  more: Partial<Pick<Action, 'completes' | 'precondition'>> = {},
): Action {
  return {
    id,
    kind,
    target,
    request,
    completes: more.completes ?? 'task',
    changes: step.changes ?? [],
    risk: riskOfKind(kind),
    reason: step.reason,
    precondition: more.precondition ?? none,
    dependsOn: step.after ?? [],
  };
}

const power = (from: string, to: string): FieldChange => ({ field: 'power', from, to, effect: 'live' });

/** Starts a container. */
export function startAction(target: Target, step: Step): Action {
  const request: ApiRequest = { method: 'POST', path: `${guest}/status/start`, params: place(target) };
  const changes = step.changes ?? [power('stopped', 'running')];
  return build('container.start', `${target.key}/start`, target, request, { ...step, changes });
}

/** Seconds that a container gets for its shutdown before it is stopped hard; the server's own default. */
const shutdownSeconds = 60;

/** Shuts a container down; after the time-out it is stopped hard unless `force` is false. */
export function shutdownAction(
  target: Target,
  step: Step,
  options: { readonly timeoutSeconds?: number | undefined; readonly force?: boolean | undefined } = {},
): Action {
  const { timeoutSeconds = shutdownSeconds, force = true } = options;
  const params = { ...place(target), timeout: timeoutSeconds, ...(force ? { forceStop: true } : {}) };
  const request: ApiRequest = { method: 'POST', path: `${guest}/status/shutdown`, params };
  return build('container.shutdown', `${target.key}/shutdown`, target, request, {
    ...step,
    changes: [power('running', 'stopped')],
  });
}

/** Stops a container at once. */
export function stopAction(target: Target, step: Step): Action {
  const request: ApiRequest = { method: 'POST', path: `${guest}/status/stop`, params: place(target) };
  return build('container.stop', `${target.key}/stop`, target, request, {
    ...step,
    changes: [power('running', 'stopped')],
  });
}

/** Restarts a container, which applies what waits. */
export function rebootAction(
  target: Target,
  step: Step,
  options: { readonly timeoutSeconds?: number | undefined } = {},
): Action {
  const { timeoutSeconds } = options;
  const params = { ...place(target), ...(timeoutSeconds === undefined ? {} : { timeout: timeoutSeconds }) };
  const request: ApiRequest = { method: 'POST', path: `${guest}/status/reboot`, params };
  return build('container.reboot', `${target.key}/reboot`, target, request, step);
}

/** Destroys a container with its volumes. `purge` also takes it out of HA, replication and backup jobs. */
export function destroyAction(
  target: Target,
  step: Step,
  options: { readonly purge: boolean; readonly force: boolean; readonly digest: string },
): Action {
  const { purge, force, digest } = options;
  const params = { ...place(target), ...(purge ? { purge: true } : {}), ...(force ? { force: true } : {}) };
  return build(
    'container.destroy',
    `${target.key}/destroy`,
    target,
    { method: 'DELETE', path: guest, params },
    step,
    {
      // the call takes no digest; this is for the check before a saved plan is applied
      precondition: { kind: 'digest', digest },
    },
  );
}

/** Writes config keys in one call. `name` tells several of one container apart. */
export function configureAction(
  target: Target,
  name: 'live' | 'restart' | 'protection' | 'revert' | 'mark' | 'steps',
  params: Params,
  digest: string,
  step: Step,
): Action {
  const request: ApiRequest = {
    method: 'PUT',
    path: `${guest}/config`,
    params: { ...place(target), ...params, digest },
  };
  return build('container.configure', `${target.key}/configure:${name}`, target, request, step, {
    completes: 'now',
    precondition: { kind: 'digest', digest },
  });
}

/** Grows a disk to an absolute size; a relative one would not be repeatable. */
export function resizeAction(target: Target, disk: string, size: string, digest: string, step: Step): Action {
  const request: ApiRequest = {
    method: 'PUT',
    path: `${guest}/resize`,
    params: { ...place(target), disk, size, digest },
  };
  return build('container.resize-disk', `${target.key}/resize:${disk}`, target, request, step, {
    precondition: { kind: 'digest', digest },
  });
}

/** Takes a snapshot. The call takes no digest; it is compared before. */
export function snapshotAction(
  target: Target,
  snapshot: { readonly name: string; readonly description: string },
  digest: string,
  step: Step,
): Action {
  const params = { ...place(target), snapname: snapshot.name, description: snapshot.description };
  const request: ApiRequest = { method: 'POST', path: `${guest}/snapshot`, params };
  return build('snapshot.create', `${target.key}/snapshot:${snapshot.name}`, target, request, step, {
    precondition: { kind: 'digest', digest },
  });
}

/** Puts a container into a pool, takes it over from another one, or takes it out. */
export function poolAction(target: Target, pool: string, how: 'join' | 'move' | 'leave', step: Step): Action {
  const more = { join: {}, move: { 'allow-move': true }, leave: { delete: true } }[how];
  const params = { poolid: pool, vms: String(target.vmid), ...more };
  return build(
    'container.configure',
    `${target.key}/pool`,
    target,
    { method: 'PUT', path: '/pools', params },
    step,
    { completes: 'now' },
  );
}

/** Creates a container. */
export function createAction(target: Target, params: Params, precondition: Precondition, step: Step): Action {
  const request: ApiRequest = {
    method: 'POST',
    path: '/nodes/{node}/lxc',
    params: { ...place(target), ...params },
  };
  return build('container.create', `${target.key}/create`, target, request, step, { precondition });
}

/** Turns a container into a template. The answer is empty although a task runs. */
export function templateAction(target: Target, step: Step): Action {
  const changes: FieldChange[] = [{ field: 'isTemplate', from: false, to: true, effect: 'live' }];
  const request: ApiRequest = { method: 'POST', path: `${guest}/template`, params: place(target) };
  return build('container.template', `${target.key}/template`, target, request, { ...step, changes });
}

/** Downloads an appliance template. */
export function downloadAction(node: string, storage: string, template: string, step: Step): Action {
  const request: ApiRequest = {
    method: 'POST',
    path: '/nodes/{node}/aplinfo',
    params: { node, storage, template },
  };
  return build(
    'template.download',
    downloadId(node, storage, template),
    { key: template, node },
    request,
    step,
  );
}

/** Id of the action that downloads a template. */
export const downloadId = (node: string, storage: string, template: string): string =>
  `template/${node}/${storage}/${template}`;
