/**
 * The pipeline: a request in, an answer out. The order of the steps is the server's own (transport-auth §5): authentication
 * → method → parameters of the path → tokens → permissions → node → parameter check → handler → envelope.
 */
import type { Operation } from '../schema/types.ts';
import { messageOf } from '../util/errors.ts';
import { authenticate } from './authenticate.ts';
import { checkPermissions } from './check-permission.ts';
import { readHandshake, wantsUpgrade } from './console/handshake.ts';
import { forbidden, type HandlerTable, paramError, type SimAuth, SimError } from './context.ts';
import { describeFault, withFaults } from './faults/carry-out.ts';
import { type ConfigEdit, ConnectionDropped, type FaultSource } from './faults.ts';
import { createContext, type Extras, type Services } from './handler-context.ts';
import { type JournalEntry, maskParams } from './journal.ts';
import { findNode, localNode } from './model/nodes.ts';
import { findRoute } from './route.ts';
import { validateParams } from './validate/schema.ts';
import { type Answer, dataAnswer, errorAnswer, type Format, plainAnswer, sealAnswer } from './wire/answer.ts';
import { readParams } from './wire/body.ts';
import type { WireRequest, WireResponse } from './wire/exchange.ts';
import type { FormParams } from './wire/form.ts';
import { textOf } from './wire/scalar.ts';
import { isFormat, parseTarget, type Target } from './wire/target.ts';

export interface FetchOptions extends Services {
  readonly handlers: HandlerTable;
  readonly faults: FaultSource;
  readonly latencyMs: number;
  readonly onRequest: (entry: JournalEntry) => void;
}

/** Every 401 leaves the server three seconds after the request came (AnyEvent.pm). */
const unauthorizedDelayMs = 3000;
/** A node that is switched off: the neighbour's ARP requests run out. */
const unreachableDelayMs = 3000;

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE']);

/** What is known of a request by the time it is written to the journal. */
interface Trace {
  template: string;
  params: Readonly<Record<string, unknown>>;
  authid: string;
  bug?: string;
}

/** A refusal without the API's envelope, from inside the pipeline. */
class PlainRefusal extends Error {
  readonly answer: Answer;
  constructor(answer: Answer) {
    super(answer.reason);
    this.answer = answer;
  }
}

function mergePathParams(params: FormParams, pathParams: Readonly<Record<string, string>>): FormParams {
  for (const [name, value] of Object.entries(pathParams)) {
    const given = params[name];
    if (given !== undefined && given !== null && textOf(given) !== value) {
      paramError({ [name]: 'duplicate parameter (already defined in URI) with conflicting values!' });
    }
    params[name] = value;
  }
  return params;
}

/** The headers are looked at when the call has been answered, and refused whatever the answer was. */
function upgradeAnswer(request: WireRequest, answer: Answer, trace: Trace): Answer {
  const handshake = readHandshake(request.headers);
  if (typeof handshake === 'string') return plainAnswer(500, handshake, true);
  if (answer.status !== 200) return answer;
  const port = Number(textOf(trace.params['port']));
  const plain = plainAnswer(101, 'Switching Protocols', false);
  return { ...plain, upgrade: { port, handshake } };
}

/** The text of anything thrown, as an error of the API; what is no SimError is a bug of the simulator. */
function asSimError(error: unknown): SimError {
  return error instanceof SimError ? error : new SimError(500, `simulator: ${messageOf(error)}`);
}

/**
 * Makes the simulator's fetch.
 *
 * @param options - the simulator's parts.
 * @returns a function that answers requests; it rejects only with ConnectionDropped, when a fault wants it.
 */
export function createFetch(options: FetchOptions): (request: WireRequest) => Promise<WireResponse> {
  const { state, clock, handlers, faults, tasks } = options;

  /** Refuses nodes that do not exist or do not answer; the answering node's alias becomes its name. */
  const proxy = async (operation: Operation, params: FormParams): Promise<void> => {
    if (operation.proxyTo === undefined) return;
    const name = textOf(params[operation.proxyTo]);
    const node = findNode(state, name);
    if (node.status === 'offline' && node !== localNode(state)) {
      await clock.sleep(unreachableDelayMs);
      throw new PlainRefusal(plainAnswer(595, 'No route to host', false));
    }
    params[operation.proxyTo] = node.name;
  };

  const callHandler = async (
    call: {
      auth: SimAuth;
      operation: Operation;
      params: FormParams;
      upload?: { readonly bytes: Uint8Array };
      request: number;
    },
    format: Format,
  ): Promise<Answer> => {
    const { operation } = call;
    const key = `${operation.method} ${operation.path}`;
    const params = validateParams(operation, call.params);
    const handler = Object.hasOwn(handlers, key) ? handlers[key] : undefined;
    if (!handler) throw new SimError(501, `the simulator has no handler for '${key}'`);
    const extras: Extras = { values: {} };
    const { context, finish } = createContext(options, { ...call, params }, extras);
    try {
      const data = await handler(context);
      // Calls that the privileged daemon answers come over a connection of their own, which ends with them.
      const close = operation.protected === true || call.upload !== undefined;
      if (extras.text) return { status: 200, reason: 'OK', close, ...extras.text };
      return dataAnswer(format, data, extras.values, close);
    } finally {
      finish();
    }
  };

  /** Everything behind the authentication; errors of the API are thrown. */
  const dispatch = async (
    request: WireRequest,
    target: Extract<Target, { kind: 'api' }>,
    format: Format,
    query: string,
    who: { auth: SimAuth; hasApiToken: boolean },
    number: number,
    trace: Trace,
  ): Promise<Answer> => {
    const { method } = request;
    const route = findRoute(method, target.segments);
    const isUpload = method === 'POST' && route?.operation.path.endsWith('/upload') === true;
    const body = await readParams(request, query, isUpload).catch((error: unknown) => {
      // The daemon fails before it knows the API: no envelope.
      throw new PlainRefusal(plainAnswer(500, messageOf(error), true));
    });
    if (!body.ok) return body.answer;
    trace.params = body.params;
    if (!route) throw new SimError(501, `Method '${method} ${target.path}' not implemented`);
    const { operation, pathParams } = route;
    trace.template = operation.path;
    const params = mergePathParams(body.params, pathParams);
    if (who.hasApiToken && !operation.tokenAllowed) {
      forbidden(`URI '${target.path}' not available with API token, need proper ticket.\n`);
    }
    checkPermissions(operation, state, who.auth, params);
    await proxy(operation, params);
    const { upload } = body;
    return callHandler(
      { auth: who.auth, operation, params, ...(upload ? { upload } : {}), request: number },
      format,
    );
  };

  const answerApi = async (
    request: WireRequest,
    target: Extract<Target, { kind: 'api' }>,
    query: string,
    number: number,
    trace: Trace,
  ): Promise<Answer> => {
    const { method, headers } = request;
    const began = clock.now();
    const nowSeconds = Math.floor(began / 1000);
    const who = authenticate(state, { method, path: target.path, headers }, nowSeconds);
    let answer: Answer;
    if (!who.ok) {
      await clock.sleep(Math.max(0, unauthorizedDelayMs - (clock.now() - began)));
      return plainAnswer(who.status, who.reason, false);
    }
    trace.authid = who.auth.authid;
    const { format } = target;
    if (!isFormat(format)) {
      return plainAnswer(501, `no formatter for uri ${target.path}, ${format}`, true);
    }
    try {
      answer = await dispatch(request, target, format, query, who, number, trace);
    } catch (error) {
      if (!(error instanceof PlainRefusal || error instanceof SimError)) {
        trace.bug = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
      }
      answer = error instanceof PlainRefusal ? error.answer : errorAnswer(format, asSimError(error));
    }
    if (wantsUpgrade(request, target.path)) answer = upgradeAnswer(request, answer, trace);
    if (answer.status === 401) await clock.sleep(Math.max(0, unauthorizedDelayMs - (clock.now() - began)));
    return answer;
  };

  const answerRequest = async (
    request: WireRequest,
    url: URL,
    target: Target,
    number: number,
    trace: Trace,
  ): Promise<Answer> => {
    const { method, headers } = request;
    if (!methods.has(method)) return plainAnswer(501, `method '${method}' not available`, true);
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
      return plainAnswer(501, 'chunked transfer encoding not supported', true);
    }
    if (target.kind === 'refused') return target.answer;
    return answerApi(request, target, url.search.slice(1), number, trace);
  };

  /** Changes a container as root@pam, between two requests of the client; what came of it is for the journal. */
  const editAs = async (edit: ConfigEdit, vmid: number | undefined, number: number): Promise<string> => {
    const id = edit.vmid ?? vmid;
    const container = id === undefined ? undefined : state.containers[id];
    const route = findRoute('PUT', ['nodes', container?.node ?? '', 'lxc', String(id), 'config']);
    if (!container || !route) return `edit of ${id ?? 'no container'}: there is none`;
    const values = Object.entries(edit.set ?? {}).map(([key, value]) => [
      key,
      typeof value === 'boolean' ? String(Number(value)) : String(value),
    ]);
    const params: FormParams = {
      ...route.pathParams,
      ...Object.fromEntries(values),
      ...(edit.delete === undefined ? {} : { delete: edit.delete.join(',') }),
    };
    const auth: SimAuth = { userid: 'root@pam', authid: 'root@pam', isRoot: true };
    try {
      await callHandler({ auth, operation: route.operation, params, request: number }, 'json');
      return `edit of ${container.vmid}`;
    } catch (error) {
      const { status, message, errors } = asSimError(error);
      return `edit of ${container.vmid}: ${status} ${message}${errors ? ` ${JSON.stringify(errors)}` : ''}`;
    }
  };

  return async (request) => {
    const atMs = clock.now();
    const number = tasks.requestBegins();
    const url = new URL(request.url);
    const target = parseTarget(url.pathname);
    const path = target.kind === 'api' ? target.path : url.pathname;
    const trace: Trace = { template: path, params: {}, authid: '' };
    const route = target.kind === 'api' ? findRoute(request.method, target.segments) : undefined;
    const subject = { method: request.method, path, template: route?.operation.path ?? path };
    const struck: string[] = [];
    let answer: Answer | undefined;
    try {
      if (options.latencyMs > 0) await clock.sleep(options.latencyMs);
      struck.push(...faults.tick(subject));
      const hits = faults.requestFaults(subject);
      struck.push(...hits.filter(({ kind }) => kind !== 'edit').map(describeFault));
      // A node that is gone does not even answer for itself.
      if (localNode(state).status === 'offline') throw new ConnectionDropped();
      answer = await withFaults(hits, () => answerRequest(request, url, target, number, trace), {
        clock,
        edit: async (edit) => {
          const vmid = route?.pathParams['vmid'];
          struck.push(await editAs(edit, vmid === undefined ? undefined : Number(vmid), number));
        },
      });
      return sealAnswer(answer, clock.now(), request.method);
    } finally {
      tasks.requestEnds(number);
      options.consoles.reap();
      options.onRequest({
        seq: number,
        atMs,
        method: request.method,
        ...trace,
        params: maskParams(trace.params),
        path,
        status: answer?.status ?? 0,
        reason: answer?.reason ?? 'connection dropped',
        ms: clock.now() - atMs,
        ...(struck.length > 0 ? { faults: struck } : {}),
      });
    }
  };
}
