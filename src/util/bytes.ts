/** Sizes with units. Fleet files and flags write `512MiB`; the API wants MiB or bytes. */

const factors: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const spellings: Readonly<Record<string, string>> = {
  '': 'MiB',
  b: 'MiB',
  k: 'KiB',
  kb: 'KiB',
  kib: 'KiB',
  m: 'MiB',
  mb: 'MiB',
  mib: 'MiB',
  g: 'GiB',
  gb: 'GiB',
  gib: 'GiB',
  t: 'TiB',
  tb: 'TiB',
  tib: 'TiB',
};

/** A parsed size, or the reason why the text is none. */
export type SizeResult =
  | { readonly bytes: number }
  | { readonly error: string; readonly suggestion?: string };

/**
 * Parses a size such as `512MiB` or `1.5GiB`.
 *
 * @param text - number directly followed by KiB, MiB, GiB or TiB; a blank between is allowed.
 * @returns the size in bytes, or an error with the intended spelling where it can be guessed.
 */
export function parseSize(text: string): SizeResult {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (!match) return { error: `'${text}' is not a size`, suggestion: '512MiB' };
  const [, digits = '', unit = ''] = match;
  const factor = Object.hasOwn(factors, unit) ? factors[unit] : undefined;
  if (factor === undefined) {
    const intended = spellings[unit.toLowerCase()];
    const problem = unit === '' ? `'${text}' has no unit` : `'${unit}' is not a unit of size`;
    return intended
      ? { error: problem, suggestion: `${digits}${intended}` }
      : { error: problem, suggestion: '512MiB' };
  }
  const bytes = Number(digits) * factor;
  if (!Number.isSafeInteger(Math.round(bytes))) return { error: `'${text}' is too large` };
  return Number.isInteger(bytes) ? { bytes } : { error: `'${text}' is no whole number of bytes` };
}

/**
 * Writes a size with the largest unit that keeps at most two decimals; exact sizes stay exact.
 *
 * @param bytes - size in bytes, not negative.
 * @returns for example `1.5GiB`, `512MiB`, `917504KiB` or `123B`.
 */
export function formatSize(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => {
    const factor = factors[name] as number;
    return bytes >= factor && Number.isInteger((bytes / factor) * 100);
  });
  return unit === undefined ? `${bytes}B` : `${bytes / (factors[unit] as number)}${unit}`;
}

/**
 * Writes a size for reading, rounded to three digits; use {@link formatSize} where the value must be exact.
 *
 * @param bytes - size in bytes, not negative.
 * @returns for example `1.46GiB`.
 */
export function humanSize(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => bytes >= (factors[name] as number));
  if (unit === undefined) return `${Math.round(bytes)}B`;
  const value = bytes / (factors[unit] as number);
  return `${Number(value.toPrecision(3))}${unit}`;
}

export const MiB: number = 1024 ** 2;
export const GiB: number = 1024 ** 3;
