/**
 * The one implementation of HandlerContext: what handlers see of the simulator, bound to one request.
 */

import type { Operation } from '../schema/types.ts';
import type { Clock } from '../util/clock.ts';
import type { ConsoleHub } from './console/hub.ts';
import { forbidden, type HandlerContext, type SimAuth } from './context.ts';
import type { Locks } from './model/locks.ts';
import { missingPrivilege, normalizePath, privilegesOf } from './model/permissions.ts';
import { nextRandom } from './model/random.ts';
import type { SimState } from './model/state.ts';
import type { TaskRunner } from './model/tasks.ts';
import { textOf } from './wire/scalar.ts';

/** What lives as long as the simulator. */
export interface Services {
  readonly state: SimState;
  readonly clock: Clock;
  readonly tasks: TaskRunner;
  readonly locks: Locks;
  readonly consoles: ConsoleHub;
}

/** What a request brings. */
export interface Call {
  readonly auth: SimAuth;
  readonly operation: Operation;
  readonly params: Readonly<Record<string, unknown>>;
  readonly upload?: { readonly bytes: Uint8Array };
  /** Number of the request, as the task runner counts them. */
  readonly request: number;
}

/** What the handler left beside its result. */
export interface Extras {
  readonly values: Record<string, unknown>;
  text?: { readonly contentType: string; readonly body: string };
}

/**
 * Makes the context of one call.
 *
 * @param services - the simulator's parts.
 * @param call - the request.
 * @param extras - receives what `extra` and `sendText` are given.
 * @returns the context, and `finish`, to be called when the request is answered: tasks that are forked afterwards belong
 *   to workers.
 */
export function createContext(
  services: Services,
  call: Call,
  extras: Extras,
): { context: HandlerContext; finish: () => void } {
  const { state, clock, tasks, locks, consoles } = services;
  const { auth, params } = call;
  let isAnswered = false;

  const text = (name: string): string | undefined => {
    const value = params[name];
    if (value === undefined || value === null) return undefined;
    return Array.isArray(value) ? value.map(textOf).join(',') : textOf(value);
  };
  const granted = (authid: string, path: string): Readonly<Record<string, 0 | 1>> =>
    privilegesOf(state, authid, normalizePath(path) ?? path);
  const missing = (path: string, privileges: readonly string[], any = false): string | undefined =>
    auth.isRoot ? undefined : missingPrivilege(granted(auth.authid, path), privileges, any);

  const context: HandlerContext = {
    state,
    consoles,
    auth,
    params,
    operation: call.operation,
    ...(call.upload === undefined ? {} : { upload: call.upload }),
    // A request that lets time pass may be waiting for a task that nobody has seen yet.
    clock: {
      now: () => clock.now(),
      sleep: (ms, signal) => {
        tasks.openGates();
        return clock.sleep(ms, signal);
      },
    },
    text,
    number: (name) => {
      const value = text(name);
      return value === undefined ? undefined : Number(value);
    },
    flag: (name) => {
      const value = text(name);
      return value === undefined ? undefined : value === '1';
    },
    has: (path, privileges, options) => missing(path, privileges, options?.any) === undefined,
    need: (path, privileges, options) => {
      const lacking = missing(path, privileges, options?.any);
      if (lacking !== undefined) forbidden(`${path}, ${lacking}`);
    },
    privileges: (path) => granted(auth.authid, path),
    hasFor: (authid, path, privileges, options) =>
      missingPrivilege(granted(authid, path), privileges, options?.any ?? false) === undefined,
    seconds: () => Math.floor(clock.now() / 1000),
    random: () => nextRandom(state),
    fork: (type, id, node, work) =>
      tasks.fork(
        { authid: auth.authid, ...(isAnswered ? {} : { request: call.request }) },
        type,
        id,
        node,
        work,
      ),
    stopTask: (upid) => tasks.stop(upid),
    withLock: (name, timeoutMs, work, options) => locks.run(name, timeoutMs, work, options),
    extra: (key, value) => {
      extras.values[key] = value;
    },
    sendText: (contentType, body) => {
      extras.text = { contentType, body };
    },
  };
  return {
    context,
    finish: () => {
      isAnswered = true;
    },
  };
}
