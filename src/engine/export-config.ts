/** Export: values of configs as their files have them, without what is secret in them. */
import type { Reader } from './export-reader.ts';

/** An answer with a config. */
export type Config = Readonly<Record<string, unknown>>;

/** Keys of an answer that are no values of the config. */
const notConfig: ReadonlySet<string> = new Set(['digest', 'lxc', 'pending', 'snapshots']);
/** Names of variables that hold what nobody else should know. */
const secretName = /pass(word|wd|phrase)?|secret|token|credential|private|api_?key|access_?key/i;
const mask = '********';

/** `NAME=VALUE` without the value, where the name tells that it is a secret. */
function maskVariable(text: string): string {
  const [, name = '', value = ''] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? [];
  return value !== '' && secretName.test(name) ? `${name}=${mask}` : text;
}

/** Values as the config file has them; those of secret variables are masked. */
export function configOf(answer: Config, leaveOut: readonly string[] = []): Record<string, string> {
  const entries = Object.entries(answer)
    .filter(([key, value]) => !notConfig.has(key) && !leaveOut.includes(key) && value !== undefined)
    .map(([key, value]): [string, string] => {
      const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
      return [key, key === 'env' ? text.split('\0').map(maskVariable).join('\0') : text];
    });
  return Object.fromEntries(entries);
}

/** Raw `lxc.*` lines. */
export function rawOf(answer: Config): [string, string][] {
  const { lxc } = answer;
  if (!Array.isArray(lxc)) return [];
  return lxc
    .filter((line): line is unknown[] => Array.isArray(line) && line.length === 2)
    .map(([key, value]) => [
      String(key),
      String(key).startsWith('lxc.environment') ? maskVariable(String(value)) : String(value),
    ]);
}

/**
 * Says which values of variables were masked.
 *
 * @param texts - environments and raw lines after masking; NUL separates variables.
 */
export function noteMasked(reader: Reader, vmid: number, texts: readonly string[]): void {
  const masked = texts.flatMap((text) => text.split('\0')).filter((text) => text.endsWith(`=${mask}`));
  if (masked.length === 0) return;
  const names = masked.map((text) => text.slice(0, text.indexOf('='))).join(', ');
  reader.note('EXPORT_MASKED', `container ${vmid}: values of its environment left out: ${names}`);
}

/** Value of a sub-key of a netN value. */
export const partOf = (net: string, key: string): string | undefined =>
  net
    .split(',')
    .find((part) => part.startsWith(`${key}=`))
    ?.slice(key.length + 1);

/** The bridge that a netN value plugs into. */
export const bridgeOf = (net: string): string | undefined => partOf(net, 'bridge');
