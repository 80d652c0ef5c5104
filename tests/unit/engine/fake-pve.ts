/** A scripted client: answers by `METHOD /template`, and remembers what it was asked. */
import type { PveClient, TaskOutcome, WaitTaskOptions } from '../../../src/api/types.ts';
import { createContext, type EngineContext, type Limits } from '../../../src/engine/context.ts';
import type { StampedEvent } from '../../../src/engine/events.ts';
import type { ApiRequest } from '../../../src/schema/request.ts';
import { abortable } from '../../../src/util/abort.ts';
import { type ManualClock, manualClock } from '../../../src/util/clock.ts';

type Params = Readonly<Record<string, unknown>>;
/** Called with the parameters and how often this operation has been called, from 1. */
export type Answer = (params: Params, call: number) => unknown;

export interface Fake {
  readonly context: EngineContext;
  readonly events: StampedEvent[];
  readonly clock: ManualClock;
  readonly drain: AbortController;
  readonly detach: AbortController;
  /** `METHOD /template` with parameters, in order. */
  readonly calls: { readonly operation: string; readonly params: Params }[];
  countOf(operation: string): number;
}

export interface Script {
  readonly answers: Readonly<Record<string, Answer>>;
  readonly tasks?: (upid: string, call: number) => TaskOutcome | Promise<TaskOutcome>;
  readonly limits?: Partial<Limits>;
  readonly identity?: string;
  readonly onEvent?: (event: StampedEvent, fake: Fake) => void;
}

export const upid = (type: string, id: string | number, node = 'pve1'): string =>
  `UPID:${node}:0000ABCD:0012D687:68000000:${type}:${id}:root@pam:`;

/** Makes a context on a scripted client; an operation without an answer fails the test. */
export function fake(script: Script): Fake {
  const calls: Fake['calls'] = [];
  const events: StampedEvent[] = [];
  const clock = manualClock();
  const drain = new AbortController();
  const detach = new AbortController();
  const countOf = (operation: string): number => calls.filter((call) => call.operation === operation).length;
  const ask = async (operation: string, params: Params = {}): Promise<unknown> => {
    calls.push({ operation, params });
    const answer = script.answers[operation];
    if (!answer) throw new Error(`nobody expected ${operation}`);
    return answer(params, countOf(operation));
  };
  const verb = (method: string) => (path: string, params?: Params) => ask(`${method} ${path}`, params);
  let waits = 0;
  const pve = {
    get: verb('GET'),
    post: verb('POST'),
    put: verb('PUT'),
    delete: verb('DELETE'),
    request: (request: ApiRequest) => ask(`${request.method} ${request.path}`, request.params),
    waitTask: (id: string, options: WaitTaskOptions = {}) => {
      waits += 1;
      const outcome = Promise.resolve(script.tasks?.(id, waits) ?? { upid: id, state: 'ok' });
      return abortable(outcome, options.signal);
    },
    url: 'https://pve1.test:8006',
    close: () => undefined,
  } as unknown as PveClient;
  const context = createContext({
    pve,
    clock,
    signal: detach.signal,
    drain: drain.signal,
    resolveSecret: (reference) => Promise.resolve(`value of ${reference}`),
    random: () => 1,
    ...(script.limits ? { limits: script.limits } : {}),
    ...(script.identity === undefined ? {} : { identity: script.identity }),
    sink: (event) => {
      events.push(event);
      script.onEvent?.(event, self);
    },
  });
  const self: Fake = { context, events, clock, drain, detach, calls, countOf };
  return self;
}

/** Rows of GET …/pending. */
export function pendingRows(config: Readonly<Record<string, string>>, digest = 'd1'): unknown[] {
  return [
    ...Object.entries(config).map(([key, value]) => ({ key, value })),
    { key: 'digest', value: digest },
  ];
}
