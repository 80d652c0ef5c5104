/** Single values as the server reads and writes them: booleans, numbers, disk sizes. Tolerant of JSON numbers and text. */

const booleans: Readonly<Record<string, boolean>> = {
  '1': true,
  on: true,
  yes: true,
  true: true,
  '0': false,
  off: false,
  no: false,
  false: false,
};
const units = ['', 'K', 'M', 'G', 'T'] as const;

/**
 * Reads a boolean of a config or property string.
 *
 * @param value - JSON boolean, 0/1, or one of the words on/off, yes/no, true/false in any case.
 * @returns the boolean, or `undefined` when it is none.
 */
export function decodeBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  return Object.hasOwn(booleans, word) ? booleans[word] : undefined;
}

/**
 * Reads a number that may come as text.
 *
 * @returns the number, or `undefined` when it is none.
 */
export function decodeNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value.trim()))
    return undefined;
  return Number(value);
}

/**
 * Writes a number without an exponent, as the server's number checks want it.
 *
 * @param value - a finite number.
 * @returns for example `1000000` or `0.25`.
 */
export function encodeNumber(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(20).replace(/\.?0+$/, '');
}

/**
 * Reads a disk size of a config, for example `8G`, `512M`, `1.5G` or plain bytes.
 *
 * @returns whole bytes, or `undefined` when the text is no size.
 */
export function decodeDiskSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?)?$/.exec(text);
  if (!match) return undefined;
  const unit = units.indexOf((match[2] ?? '') as (typeof units)[number]);
  return Math.floor(Number(match[1]) * 1024 ** unit);
}

/**
 * Writes a disk size with the largest unit that divides it exactly, as the server does.
 *
 * @param bytes - whole bytes, not negative.
 * @returns for example `8G`; `0T` for nothing.
 */
export function encodeDiskSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (unit < units.length - 1 && size % 1024 === 0) {
    size /= 1024;
    unit += 1;
  }
  return `${encodeNumber(size)}${units[unit]}`;
}
