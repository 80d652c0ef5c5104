/**
 * Opens one connection, trusted before a byte of a request can be written to it. The only place that decides about
 * certificates. Speaks neither HTTP nor the API.
 */
import net from 'node:net';
import tls from 'node:tls';
import { systemClock } from '../util/clock.ts';
import { messageOf } from '../util/errors.ts';
import { readCertificate } from './presented-certificate.ts';
import { TransportError, type TransportFailure } from './transport.ts';

/** Where to connect to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Name for SNI and for the check of the certificate; empty for addresses. */
  readonly servername: string;
}

/** Whom to trust; already checked and normalised. */
export interface TrustPolicy {
  /** PEM certificates beside the authorities that Node.js knows. */
  readonly ca: readonly string[];
  /** SHA-256 fingerprints; when there are any, they alone decide. */
  readonly fingerprints: readonly string[];
}

/** Limits of a connection attempt. */
export interface ConnectLimits {
  /** For TCP and TLS together, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Errors of the network stack, in words; the code stays beside them. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the server closed the connection',
  EPIPE: 'the server closed the connection',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer in time',
};

/**
 * Says what a system error means.
 *
 * @param error - as Node.js throws it.
 * @returns its code and a text without addresses of ours.
 */
export function systemError(error: unknown): { readonly errno: string; readonly reason: string } {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = (first as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  return { errno: code, reason: words[code] ?? messageOf(first) };
}

function settle<S extends net.Socket>(
  socket: S,
  limits: ConnectLimits,
  events: {
    ready: string;
    accept: () => TransportFailure | undefined;
    fail: (error: Error) => Promise<TransportFailure>;
  },
): Promise<S> {
  const timer = new AbortController();
  return new Promise<S>((resolve, reject) => {
    const refuse = (failure: TransportFailure): void => {
      socket.destroy();
      reject(new TransportError(failure));
    };
    const onError = (error: Error): void => {
      events.fail(error).then(refuse, reject);
    };
    const onAbort = (): void => {
      socket.destroy();
      reject(limits.signal.reason as Error);
    };
    if (limits.signal.aborted) return onAbort();
    limits.signal.addEventListener('abort', onAbort, { once: true, signal: timer.signal });
    systemClock.sleep(limits.timeoutMs, timer.signal).then(
      () =>
        refuse({
          kind: 'connection',
          sent: 'no',
          errno: 'ETIMEDOUT',
          reason: `no connection within ${limits.timeoutMs / 1000} s`,
        }),
      () => undefined, // The timer was stopped because the attempt is over.
    );
    socket.once('error', onError);
    socket.once(events.ready, () => {
      const failure = events.accept();
      if (failure) return refuse(failure);
      socket.off('error', onError);
      resolve(socket);
    });
  }).finally(() => timer.abort());
}

/**
 * Opens a plain connection; for loopback addresses only, which the caller has made sure of.
 *
 * @param target - where to.
 * @param limits - time and abort.
 * @returns the connected socket.
 * @throws {@link TransportError}, or the signal's reason.
 */
export function connectPlain(target: Target, limits: ConnectLimits): Promise<net.Socket> {
  const socket = net.connect({ host: target.host, port: target.port });
  return settle(socket, limits, {
    ready: 'connect',
    accept: () => undefined,
    fail: (error) => Promise.resolve({ kind: 'connection', sent: 'no', ...systemError(error) }),
  });
}

/**
 * Prepares what all TLS connections of an agent share; reading a hundred authorities takes a while.
 *
 * @param trust - whom to trust.
 * @returns a context with further authorities, or `undefined` where the default will do.
 */
export function trustContext(trust: TrustPolicy): tls.SecureContext | undefined {
  if (trust.ca.length === 0) return undefined;
  return tls.createSecureContext({ ca: [...tls.rootCertificates, ...trust.ca], minVersion: 'TLSv1.2' });
}

/**
 * Opens a TLS connection to a server that is trusted. Sessions are never resumed, so that the certificate is checked
 * on every connection.
 *
 * @param target - where to.
 * @param trust - authorities (with their prepared context) or fingerprints.
 * @param limits - time and abort.
 * @returns the socket, after the certificate was found right.
 * @throws {@link TransportError} of kind `tls` with the presented fingerprint, or of kind `connection`.
 */
export function connectTls(
  target: Target,
  trust: TrustPolicy & { readonly context?: tls.SecureContext | undefined },
  limits: ConnectLimits,
): Promise<tls.TLSSocket> {
  const pinned = trust.fingerprints.length > 0;
  let connected = false;
  const socket = tls.connect({
    host: target.host,
    port: target.port,
    ...(target.servername === '' ? {} : { servername: target.servername }),
    ...(trust.context ? { secureContext: trust.context } : { minVersion: 'TLSv1.2' as const }),
    ALPNProtocols: ['http/1.1'],
    // With a pin the chain does not matter: `accept` compares the certificate itself, and nobody gets the socket before.
    rejectUnauthorized: !pinned,
  });
  socket.once('connect', () => {
    connected = true;
  });
  return settle(socket, limits, {
    ready: 'secureConnect',
    accept: () => {
      if (!pinned) return undefined;
      const actual = socket.getPeerCertificate().fingerprint256 as string | undefined;
      if (actual !== undefined && trust.fingerprints.includes(actual)) return undefined;
      return {
        kind: 'tls',
        errno: 'FINGERPRINT',
        reason: 'the certificate is not the pinned one',
        expected: trust.fingerprints,
        ...(actual === undefined ? {} : { actual }),
      };
    },
    fail: (error) => explainTls(error, connected, target, limits),
  });
}

async function explainTls(
  error: Error,
  connected: boolean,
  target: Target,
  limits: ConnectLimits,
): Promise<TransportFailure> {
  const { errno, reason } = systemError(error);
  if (!connected || errno in words) return { kind: 'connection', sent: 'no', errno, reason };
  // Node.js has thrown the certificate away by now; look at it again to tell the reader its fingerprint.
  const seen = errno.includes('SSL') ? undefined : await readCertificate(target, limits);
  return { kind: 'tls', errno, reason, ...(seen ? { actual: seen.fingerprint } : {}) };
}
