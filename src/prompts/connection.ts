/** Questions about the connection to a cluster. */
import type { Prompts, Validate } from './io.ts';

/** How to log in; holds secrets, never shown. */
export type CredentialAnswers =
  | { readonly kind: 'token'; readonly tokenId: string; readonly tokenSecret: string }
  | { readonly kind: 'user'; readonly username: string; readonly password: string };

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** A URL of a Proxmox VE API; host names without scheme and port are completed by {@link completeUrl}. */
export const validUrl: Validate = (text) => {
  let url: URL;
  try {
    url = new URL(completeUrl(text));
  } catch {
    return 'A URL such as https://pve1.example.org:8006, or a host name.';
  }
  if (url.protocol === 'http:') {
    return loopback.test(url.hostname) || 'http is for loopback addresses only; use https.';
  }
  return url.protocol === 'https:' || 'A URL that begins with https://.';
};

/**
 * Adds what people leave out of a URL.
 *
 * @param text - URL or host name.
 * @returns the URL with scheme and port, without path: `pve1` gives `https://pve1:8006`.
 */
export function completeUrl(text: string): string {
  const trimmed = text.trim();
  const withScheme = /^[a-z]+:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  const url = new URL(withScheme);
  // URL drops the port 443 of https, so the text has to say whether one was written.
  const port = /:\d+$/.test(url.host) || /^[a-z]+:\/\/[^/]*:\d+(\/|$)/i.test(withScheme);
  return `${url.protocol}//${url.host}${port || url.protocol === 'http:' ? '' : ':8006'}`;
}

/**
 * Asks for the URL.
 *
 * @returns a complete URL.
 */
export async function askUrl(prompts: Prompts, preset?: string): Promise<string> {
  const answer = await prompts.text({
    message: 'URL of a node (https://host:8006)',
    ...(preset === undefined ? {} : { default: preset }),
    validate: validUrl,
  });
  return completeUrl(answer);
}

/** A certificate that no known authority has signed. */
export interface UnknownCertificate {
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validTo: string;
}

/**
 * Asks whether a certificate is the right one.
 *
 * @returns whether to trust it from now on.
 */
export function askTrust(prompts: Prompts, certificate: UnknownCertificate): Promise<boolean> {
  return prompts.confirm({
    message: [
      'The certificate of this server is signed by no authority that this machine knows:',
      `  subject ${certificate.subject}, issuer ${certificate.issuer}, valid to ${certificate.validTo}`,
      `  SHA-256 ${certificate.fingerprint}`,
      '  (on the node: openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem)',
      'Is it the right one?',
    ].join('\n'),
    default: false,
  });
}

/**
 * Asks for a token or for user and password.
 *
 * @returns credentials.
 */
export async function askCredentials(prompts: Prompts): Promise<CredentialAnswers> {
  const kind = await prompts.select<'token' | 'user'>({
    message: 'Log in with',
    choices: [
      { value: 'token', name: 'an API token (recommended: can be limited and revoked)' },
      { value: 'user', name: 'user and password' },
    ],
  });
  if (kind === 'token') {
    const tokenId = await prompts.text({
      message: 'Token id (user@realm!name)',
      validate: (text) =>
        /^[^\s!@]+@[^\s!@]+![A-Za-z][\w.-]+$/.test(text) || 'It looks like user@realm!name.',
    });
    return { kind, tokenId, tokenSecret: await prompts.secret({ message: 'Its secret' }) };
  }
  const username = await prompts.text({
    message: 'User (user@realm)',
    default: 'root@pam',
    validate: (text) => /^[^\s@]+@[^\s@]+$/.test(text) || 'It looks like user@realm, for example root@pam.',
  });
  return { kind, username, password: await prompts.secret({ message: 'Password' }) };
}

/**
 * Asks for the current one-time password.
 *
 * @returns six digits.
 */
export function askTotp(prompts: Prompts): Promise<string> {
  return prompts.text({
    message: 'One-time password',
    validate: (text) => /^\d{6,8}$/.test(text) || 'The digits that the app shows.',
  });
}

/**
 * Asks what to do with a profile that is already there.
 *
 * @returns the name to write to; undefined to stop.
 */
export async function askProfileName(
  prompts: Prompts,
  preset: string,
  existing: readonly string[],
): Promise<string | undefined> {
  const name = await prompts.text({
    message: 'Name of this profile',
    default: preset,
    validate: (text) => /^[a-z0-9][\w.-]*$/i.test(text) || 'Letters, digits, dots, hyphens.',
  });
  if (!existing.includes(name)) return name;
  const replace = await prompts.confirm({
    message: `There is a profile ${name} already. Replace it?`,
    default: false,
  });
  return replace ? name : undefined;
}
