/** What was asked of the simulator, in order: for assertions such as "no writing request was sent". Secrets are masked. */
import { redactText, redactValue } from '../util/redact.ts';

export interface JournalEntry {
  /** 1 for the first request. */
  readonly seq: number;
  /** Simulated ms since the epoch at which it arrived. */
  readonly atMs: number;
  readonly method: string;
  /** Path template of the operation, or the path itself where there is none. */
  readonly template: string;
  /** Path below the format, decoded. */
  readonly path: string;
  /** Parameters as they were decoded, path parameters included; secrets are asterisks. */
  readonly params: Readonly<Record<string, unknown>>;
  /** `user@realm` or `user@realm!token`; empty for nobody. */
  readonly authid: string;
  readonly status: number;
  readonly reason: string;
  /** Simulated ms it took. */
  readonly ms: number;
  /** Stack of an error that no handler meant: a bug of the simulator. */
  readonly bug?: string;
  /** What a fault schedule did to it, in words; absent: nothing. */
  readonly faults?: readonly string[];
}

/** Further parameters that hold secrets, beyond those of util/redact: second factors and SSH keys stay readable. */
const secretParams: ReadonlySet<string> = new Set([
  'totp',
  'value',
  'encryption-key',
  'keyring',
  'client-key',
]);

/**
 * Masks the secrets of a request's parameters.
 *
 * @param params - decoded parameters.
 */
export function maskParams(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const masked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(redactValue(params))) {
    if (secretParams.has(key)) masked[key] = '********';
    else masked[key] = typeof value === 'string' ? redactText(value) : value;
  }
  return masked;
}

/**
 * Adds an entry and drops the oldest ones beyond the limit.
 *
 * @param journal - the journal; changed.
 * @param entry - what was asked.
 * @param limit - how many entries are kept.
 */
export function record(journal: JournalEntry[], entry: JournalEntry, limit: number): void {
  journal.push(entry);
  if (journal.length > limit) journal.splice(0, journal.length - limit);
}
