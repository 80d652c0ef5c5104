/**
 * The typed client: one method per verb, path literals, one flat bag of parameters. Puts the parts together; what each
 * does is in its own module. Loads the HTTP library only at the first request.
 */
import { setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import type { ApiRequest, SecretPlaceholder, WireValue } from '../schema/request.ts';
import type { HttpMethod } from '../schema/types.ts';
import { UsageError } from '../util/errors.ts';
import { type Authenticator, createTicketAuth, createTokenAuth, type Login } from './auth.ts';
import { prepareCall, prepareUpload } from './call.ts';
import type { TrustPolicy } from './connect.ts';
import { createDispatcher, type Dispatcher, type OneServer } from './dispatch.ts';
import { PveAuthError } from './errors/auth-error.ts';
import { hints } from './hints.ts';
import { waitTask } from './tasks.ts';
import type { Transport } from './transport.ts';
import { checkToken, parseBaseUrl, parseCaPem, parseFingerprints } from './trust.ts';
import type { Call, ClientOptions, PinnedServer, PveClient, RequestOptions } from './types.ts';
import type { WebsocketOpener } from './websocket.ts';

export type { ClientOptions } from './types.ts';

const defaultTimeoutMs = 60_000;
const defaultMaxSockets = 16;
const defaultLockWaitMs = 30_000;

type FlatParams = Readonly<Record<string, WireValue | SecretPlaceholder | undefined>>;

/** Makes the transport when it is first needed; building a client costs nothing. */
function lazyTransport(
  options: ClientOptions,
  trust: TrustPolicy,
): { load: () => Promise<Transport>; close: () => void } {
  let loading: Promise<Transport> | undefined;
  let loaded: Transport | undefined = options.transport;
  const load = async (): Promise<Transport> => {
    const { createAxiosTransport } = await import('./axios-transport.ts');
    loaded = createAxiosTransport({ trust, maxSockets: options.maxSockets ?? defaultMaxSockets });
    return loaded;
  };
  return {
    load: () => {
      loading ??= loaded ? Promise.resolve(loaded) : load();
      return loading;
    },
    close: () => loaded?.close(),
  };
}

function lazyWebsockets(trust: TrustPolicy): () => Promise<WebsocketOpener> {
  let loading: Promise<WebsocketOpener> | undefined;
  return () => {
    loading ??= import('./ws-websocket.ts').then((module) => module.createWebsocketOpener(trust));
    return loading;
  };
}

function loginThrough(dispatcher: Dispatcher, signal: AbortSignal | undefined): Login {
  return async (params) => {
    const call = prepareCall('POST', '/access/ticket', { ...params }, defaultTimeoutMs);
    // A TOTP code opens one session only; everything else about a login may be done twice.
    const repeatable = params['tfa-challenge'] === undefined;
    try {
      return await dispatcher.sendPlain({ ...call, repeatable }, signal);
    } catch (error) {
      if (!(error instanceof PveAuthError)) throw error;
      throw new PveAuthError({ request: call, reason: error.reason, status: 401, hint: hints.login });
    }
  };
}

function createAuthenticator(options: ClientOptions, dispatcher: Dispatcher): Authenticator {
  const { auth, clock, onTotp, signal } = options;
  if (auth.kind === 'token') return createTokenAuth(auth);
  return createTicketAuth({ credentials: auth, clock, onTotp, login: loginThrough(dispatcher, signal) });
}

function eitherSignal(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  const signal = a && b && a !== b ? AbortSignal.any([a, b]) : (a ?? b);
  // Node.js warns of a leak at eleven listeners; that many requests in parallel on one signal are what we are for.
  if (signal) setMaxListeners(0, signal);
  return signal;
}

/**
 * Builds a client. Nothing is sent, and the HTTP library is not loaded, before the first request.
 *
 * @param options - where to, as whom, whom to trust, and the hooks.
 * @returns the client.
 * @throws {@link UsageError} for a URL, fingerprint, CA text or token that cannot be right.
 */
export function createPveClient(options: ClientOptions): PveClient {
  if (options.urls.length === 0) {
    throw new UsageError('no URL of a Proxmox VE server is given', {
      code: 'URL_INVALID',
      hint: 'set PVEFLEET_URL, for example https://pve1:8006',
    });
  }
  if (options.auth.kind === 'token') checkToken(options.auth);
  const trust = {
    ca: parseCaPem(options.trust?.caPem),
    fingerprints: parseFingerprints(options.trust?.fingerprint),
  };
  const transport = lazyTransport(options, trust);
  const dispatcher = createDispatcher({
    urls: options.urls.map(parseBaseUrl),
    transport: transport.load,
    websockets: lazyWebsockets(trust),
    clock: options.clock,
    userAgent: options.userAgent ?? 'pvefleet',
    lockWaitMs: options.lockWaitMs ?? defaultLockWaitMs,
    random: options.random,
    onRequest: options.onRequest,
    onRetry: options.onRetry,
  });
  const auth = createAuthenticator(options, dispatcher);

  const send = async (
    method: HttpMethod,
    path: string,
    params: FlatParams = {},
    { signal, timeoutMs = defaultTimeoutMs, once = false }: RequestOptions = {},
  ): Promise<unknown> => {
    const stop = eitherSignal(options.signal, signal);
    stop?.throwIfAborted();
    return dispatcher.send({ ...prepareCall(method, path, params, timeoutMs), once }, auth, stop);
  };
  const sendFile = async (
    { path, params }: ApiRequest,
    upload: NonNullable<ApiRequest['upload']>,
    { signal, timeoutMs = defaultTimeoutMs, onSent }: RequestOptions = {},
  ): Promise<unknown> => {
    const stop = eitherSignal(options.signal, signal);
    stop?.throwIfAborted();
    const sizeBytes = upload.sizeBytes ?? (await stat(upload.path)).size;
    const file = { path: upload.path, sizeBytes, onSent };
    return dispatcher.send(prepareUpload(path, params, file, timeoutMs), auth, stop);
  };
  const pinned = (server: OneServer, stop: AbortSignal | undefined): PinnedServer => {
    const prepare = (
      { method, path, params }: ApiRequest,
      { timeoutMs = defaultTimeoutMs }: RequestOptions,
    ) => prepareCall(method, path, params, timeoutMs);
    return {
      url: server.url,
      request: async (given, request = {}) =>
        server.send(prepare(given, request), auth, eitherSignal(stop, request.signal)),
      openWebsocket: async (given, listeners, request = {}) =>
        server.openWebsocket(prepare(given, request), auth, listeners, eitherSignal(stop, request.signal)),
    };
  };
  // The types come from the generated schema; at run time all verbs are the same function.
  const verb = <M extends HttpMethod>(method: M): Call<M> =>
    ((path: string, params?: FlatParams, request?: RequestOptions) =>
      send(method, path, params, request)) as Call<M>;

  const get = verb('GET');
  return {
    get,
    post: verb('POST'),
    put: verb('PUT'),
    delete: verb('DELETE'),
    request: (given: ApiRequest, request) => {
      const { method, path, params, upload } = given;
      return upload ? sendFile(given, upload, request) : send(method, path, params, request);
    },
    atOneServer: async (first, work, { signal, once = false } = {}) => {
      const stop = eitherSignal(options.signal, signal);
      stop?.throwIfAborted();
      const label = { method: first.method, template: first.path, repeatable: true, once };
      return dispatcher.atOneServer(label, (server) => work(pinned(server, stop)), stop);
    },
    tryPassword: async (username, password, { signal } = {}) => {
      const stop = eitherSignal(options.signal, signal);
      stop?.throwIfAborted();
      try {
        await loginThrough(dispatcher, stop)({ username, password });
        return true;
      } catch (error) {
        if (error instanceof PveAuthError) return false;
        throw error;
      }
    },
    waitTask: (upid, wait = {}) => {
      const signal = eitherSignal(options.signal, wait.signal);
      return waitTask({ get }, options.clock, upid, { ...wait, ...(signal ? { signal } : {}) });
    },
    get url() {
      return dispatcher.currentUrl();
    },
    close: transport.close,
  };
}
