/** The path of a request: base, format, segments (transport-auth §2). */
import { type Answer, type Format, plainAnswer } from './answer.ts';
import { percentDecode } from './form.ts';

export type Target =
  | {
      readonly kind: 'api';
      readonly format: string;
      /** Decoded path below the format, without empty segments; `/` for the root. */
      readonly path: string;
      readonly segments: readonly string[];
    }
  | { readonly kind: 'refused'; readonly answer: Answer };

/**
 * Takes a path apart. It is decoded once, before it is split: an encoded slash separates.
 *
 * @param pathname - path of the URL, still encoded.
 */
export function parseTarget(pathname: string): Target {
  const path = percentDecode(pathname);
  if (!path.startsWith('/api2')) {
    return { kind: 'refused', answer: plainAnswer(500, `no such file '${path}'`, true) };
  }
  const match = /^\/api2\/+([a-z]+)(\/.*)?$/s.exec(path);
  if (!match) return { kind: 'refused', answer: plainAnswer(501, 'no such uri', true) };
  const segments = (match[2] ?? '').split('/').filter((segment) => segment !== '');
  return { kind: 'api', format: match[1] as string, path: `/${segments.join('/')}`, segments };
}

/** Formats that are answered; the HTML and picture forms of the real server are not simulated. */
export function isFormat(format: string): format is Format {
  return format === 'json' || format === 'extjs';
}
