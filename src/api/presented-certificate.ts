/**
 * Looks at the certificate that a server presents, to show it to a person who decides about it. Nothing is ever sent
 * over this connection.
 */
import tls from 'node:tls';
import { systemClock } from '../util/clock.ts';

/** What a server presents. */
export interface PresentedCertificate {
  /** SHA-256 of the certificate, `AA:BB:…`. */
  readonly fingerprint: string;
  /** Common name of the server. */
  readonly subject: string;
  /** Common name of the authority. */
  readonly issuer: string;
  /** Last day of validity, as the certificate writes it. */
  readonly validTo: string;
}

function commonName(name: tls.Certificate | undefined): string {
  const value: string | string[] | undefined = name?.CN ?? name?.O;
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}

/**
 * Asks a server for its certificate, without trusting it and without sending anything.
 *
 * @param target - host, port and name for SNI (empty for addresses).
 * @param limits.timeoutMs - for connection and handshake, in milliseconds.
 * @param limits.signal - gives up.
 * @returns the certificate, or `undefined` when none could be had.
 */
export function readCertificate(
  target: { readonly host: string; readonly port: number; readonly servername: string },
  limits: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<PresentedCertificate | undefined> {
  const done = new AbortController();
  return new Promise<PresentedCertificate | undefined>((resolve) => {
    const socket = tls.connect({
      host: target.host,
      port: target.port,
      ...(target.servername === '' ? {} : { servername: target.servername }),
      // Only looked at: the socket is closed in the next line that runs, and what it shows is told to a person.
      rejectUnauthorized: false,
    });
    const finish = (certificate?: PresentedCertificate): void => {
      socket.destroy();
      resolve(certificate);
    };
    socket.once('secureConnect', () => {
      const peer = socket.getPeerCertificate();
      finish({
        fingerprint: peer.fingerprint256,
        subject: commonName(peer.subject),
        issuer: commonName(peer.issuer),
        validTo: peer.valid_to,
      });
    });
    socket.on('error', () => finish());
    limits.signal?.addEventListener('abort', () => finish(), { once: true, signal: done.signal });
    systemClock.sleep(limits.timeoutMs, done.signal).then(
      () => finish(),
      () => undefined, // The timer was stopped because the certificate is there.
    );
  }).finally(() => done.abort());
}
