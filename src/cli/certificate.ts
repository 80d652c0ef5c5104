/** Whether this machine trusts a server's certificate already, and what the certificate is. Sends nothing but a handshake. */
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type PresentedCertificate, readCertificate } from '../api/presented-certificate.ts';

const timeoutMs = 10_000;

/** Address of a server, taken from its URL. */
interface Target {
  readonly host: string;
  readonly port: number;
  /** Empty for addresses, which have no SNI. */
  readonly servername: string;
}

function targetOf(url: string): Target {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(port || 443), servername: isIP(host) ? '' : host };
}

/** Makes a handshake with the authorities that Node.js knows. */
function isTrusted(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const { servername, ...address } = target;
    const socket = connect({ ...address, ...(servername === '' ? {} : { servername }), timeout: timeoutMs });
    const finish = (trusted: boolean): void => {
      socket.destroy();
      resolve(trusted);
    };
    socket.once('secureConnect', () => finish(true));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
  });
}

/** What is known about a server before any trust. */
export interface CertificateCheck {
  readonly certificate: PresentedCertificate;
  readonly trusted: boolean;
}

/**
 * Looks at the certificate of a server.
 *
 * @param url - `https://host:port`.
 * @param signal - gives up.
 * @returns the certificate and whether it needs no pin; undefined when nothing answers there with TLS.
 */
export async function checkCertificate(
  url: string,
  signal: AbortSignal,
): Promise<CertificateCheck | undefined> {
  const target = targetOf(url);
  const certificate = await readCertificate(target, { timeoutMs, signal });
  return certificate && { certificate, trusted: await isTrusted(target) };
}
