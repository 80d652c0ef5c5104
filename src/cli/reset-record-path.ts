/** Where `reset` and `tick` remember resets that were not finished. */
import { join } from 'node:path';
import { digestOf } from '../util/canonical-json.ts';
import type { Host } from './host.ts';

/**
 * Gives the path of the record of unfinished resets.
 *
 * @param host - its environment tells where state is kept.
 * @param url - the cluster.
 * @param fleet - name of the fleet; empty: resets without a file.
 * @returns an absolute path; the same for everybody who resets that fleet from this account.
 */
export function resetRecordPath({ env }: Host, url: string, fleet: string): string {
  const home = env['HOME'] ?? '';
  // The XDG specification: a relative path is to be ignored.
  const state = env['XDG_STATE_HOME']?.startsWith('/')
    ? env['XDG_STATE_HOME']
    : join(home, '.local', 'state');
  return join(state, 'pvefleet', 'resets', `${digestOf({ url, fleet }).slice(0, 16)}.json`);
}
