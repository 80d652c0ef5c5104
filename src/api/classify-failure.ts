/** No answer → typed error, with what to do about it. Pure. */
import { PveConnectionError } from './errors/connection-error.ts';
import { PveProtocolError } from './errors/protocol-error.ts';
import type { PveError, RequestInfo } from './errors/pve-error.ts';
import { PveTlsError } from './errors/tls-error.ts';
import { hints } from './hints.ts';
import type { TransportFailure } from './transport.ts';

type TlsFailure = Extract<TransportFailure, { kind: 'tls' }>;

function hasPort(url: string): boolean {
  return /:\d+(?:\/|$)/.test(url);
}

function connectionHint(errno: string, sent: 'no' | 'maybe', url: string): string {
  if (sent === 'maybe') return hints.maybeDone;
  if (errno === 'ENOTFOUND' || errno === 'EAI_AGAIN') return 'check the host name in the URL (PVEFLEET_URL)';
  const port = hasPort(url) ? '' : `; the URL has no port, while Proxmox VE listens on 8006: try ${url}:8006`;
  return `check the URL (PVEFLEET_URL), that the server runs and that no firewall is in between${port}`;
}

function tlsHint(failure: TlsFailure): string {
  if (failure.errno === 'ERR_SSL_WRONG_VERSION_NUMBER' || failure.errno === 'EPROTO') return hints.noApi;
  if (failure.expected) {
    return failure.actual === undefined
      ? 'the server showed no certificate; check host and port'
      : `if the server's certificate was renewed, compare the new fingerprint with what 'pvenode cert info' shows on the node and pin it: PVEFLEET_FINGERPRINT=${failure.actual}; otherwise somebody may be in between`;
  }
  if (failure.actual === undefined) return 'give the CA file of the cluster (PVEFLEET_CA_FILE)';
  return (
    "compare the fingerprint with what 'pvenode cert info' shows on the node; if it is the same, pin it: " +
    `PVEFLEET_FINGERPRINT=${failure.actual} (or --fingerprint, or 'fingerprint' in the profile); ` +
    'or give the CA file of the cluster (PVEFLEET_CA_FILE)'
  );
}

function tlsReason(failure: TlsFailure, url: string): string {
  if (failure.expected) {
    return `the certificate of ${url} is not the pinned one: its SHA-256 fingerprint is ${failure.actual ?? 'unknown'}`;
  }
  return failure.actual === undefined
    ? `no trusted TLS connection to ${url}: ${failure.reason}`
    : `the certificate of ${url} is not trusted: ${failure.reason} (SHA-256 fingerprint ${failure.actual})`;
}

/**
 * Turns a failed exchange into an error.
 *
 * @param failure - as the transport tells it.
 * @param request - what was asked, for the message.
 * @param url - base URL that was asked.
 * @returns the error, not thrown.
 */
export function classifyFailure(failure: TransportFailure, request: RequestInfo, url: string): PveError {
  switch (failure.kind) {
    case 'connection':
      return new PveConnectionError({
        request,
        reason: `${url}: ${failure.reason}`,
        sent: failure.sent,
        errno: failure.errno,
        hint: connectionHint(failure.errno, failure.sent, url),
      });
    case 'tls':
      return new PveTlsError({
        request,
        reason: tlsReason(failure, url),
        expected: failure.expected,
        actual: failure.actual,
        hint: tlsHint(failure),
      });
    case 'protocol':
      return new PveProtocolError({
        request,
        reason: `${url} does not answer in HTTP: ${failure.reason}`,
        hint: hints.noApi,
      });
  }
}
