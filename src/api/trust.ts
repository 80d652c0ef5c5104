/** Checks of what a client is built from: URLs, fingerprints, CA text, token. Pure, and before anything is sent. */
import { X509Certificate } from 'node:crypto';
import { UsageError } from '../util/errors.ts';
import type { TokenAuth } from './types.ts';

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Checks a base URL.
 *
 * @param text - for example `https://pve1:8006`; `/api2/json` at the end is accepted.
 * @returns the URL without trailing slash and without `/api2/json`.
 * @throws {@link UsageError} when it is none, carries credentials, or would send them in the clear.
 */
export function parseBaseUrl(text: string): string {
  const given = text.trim();
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    const host = given.replace(/^\w*:?\/\//, '').replace(/\/.*$/, '');
    throw new UsageError(`'${given.replace(/\/\/[^@/]*@/, '//')}' is no URL of a Proxmox VE server`, {
      code: 'URL_INVALID',
      hint: `write it as https://HOST:8006${/^[\w.:-]+$/.test(host) ? `, here https://${host.includes(':') ? host : `${host}:8006`}` : ''}`,
    });
  }
  if (url.username || url.password) {
    throw new UsageError(`the URL of ${url.host} carries credentials`, {
      code: 'URL_INVALID',
      hint: 'leave them out of the URL and give an API token (PVEFLEET_TOKEN_ID, PVEFLEET_TOKEN_SECRET)',
    });
  }
  if (url.search || url.hash) {
    throw new UsageError(`the URL '${given}' has a query or a fragment`, {
      code: 'URL_INVALID',
      hint: 'give only https://HOST:PORT',
    });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new UsageError(`${url.origin} is not encrypted: http:// is for loopback addresses only`, {
      code: 'URL_INSECURE',
      hint: `use https://${url.host}`,
    });
  }
  return `${url.origin}${url.pathname}`.replace(/(?:\/api2(?:\/json)?)?\/*$/, '');
}

/**
 * Brings a SHA-256 fingerprint into the form that Proxmox VE shows.
 *
 * @param text - 64 hex digits, with or without colons, in either case.
 * @returns for example `AA:BB:…` (32 pairs), or `undefined` when it is none.
 */
export function normaliseFingerprint(text: string): string | undefined {
  const digits = text
    .trim()
    .replace(/^sha-?256(?: fingerprint)?[=:\s]+/i, '')
    .replaceAll(/[:\s-]/g, '');
  return /^[0-9a-f]{64}$/i.test(digits) ? (digits.toUpperCase().match(/../g) ?? []).join(':') : undefined;
}

/**
 * Reads the pinned fingerprints.
 *
 * @param text - one or several, separated by commas.
 * @returns them in normal form.
 * @throws {@link UsageError} when one is none.
 */
export function parseFingerprints(text: string | undefined): string[] {
  const items = (text ?? '').split(',').filter((item) => item.trim() !== '');
  return items.map((item) => {
    const fingerprint = normaliseFingerprint(item);
    if (fingerprint === undefined) {
      throw new UsageError(`'${item.trim()}' is no SHA-256 fingerprint`, {
        code: 'FINGERPRINT_INVALID',
        hint: "it has 32 pairs of hex digits, AA:BB:…; on the server 'pvenode cert info' shows it",
      });
    }
    return fingerprint;
  });
}

/**
 * Checks the text of further certificate authorities.
 *
 * @param pem - contents of a CA file.
 * @returns its certificates, one PEM text each.
 * @throws {@link UsageError} when it holds none.
 */
export function parseCaPem(pem: string | undefined): string[] {
  if (pem === undefined) return [];
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  const refuse = (problem: string, cause?: unknown): never => {
    throw new UsageError(`the CA file holds ${problem}`, {
      code: 'CA_INVALID',
      hint: 'give a PEM file; on a Proxmox VE node it is /etc/pve/pve-root-ca.pem',
      cause,
    });
  };
  if (blocks.length === 0) refuse('no certificate');
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    refuse('a certificate that cannot be read', error);
  }
  return [...blocks];
}

/**
 * Checks the form of an API token, so that a swapped or cut value is told before the server is asked.
 *
 * @param auth - token id and secret.
 * @throws {@link UsageError} with the parts that are wrong; never with the secret.
 */
export function checkToken(auth: TokenAuth): void {
  if (!/^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+$/.test(auth.tokenId)) {
    throw new UsageError('the token id is not of the form user@realm!name', {
      code: 'TOKEN_INVALID',
      hint: 'set PVEFLEET_TOKEN_ID to the full token id, for example automation@pve!pvefleet',
    });
  }
  if (!/^[\x21-\x7e]+$/.test(auth.secret)) {
    throw new UsageError('the token secret is empty or holds blanks', {
      code: 'TOKEN_INVALID',
      hint: 'set PVEFLEET_TOKEN_SECRET to the UUID that Proxmox VE showed when the token was made',
    });
  }
}
