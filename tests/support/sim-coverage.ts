/**
 * `npm run sim:coverage`: of the operations of the API, which ones the simulator gives semantics and which ones it only
 * checks, by area, and why. Exit code 1 when something is left out without a reason.
 */
import { loadSchema } from '../../src/schema/load.ts';
import { createSimulator } from '../../src/simulator/index.ts';
import { leftOutOf } from './container-api.ts';

const { total, simulated, areas, checkedOnly } = createSimulator().coverage();
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const percent = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`;
const width = Math.max(...areas.map(({ area }) => area.length));

const { source } = loadSchema();
say(`${source.product} ${source.version}: ${total} operations`);
say('');
say(`${'area'.padEnd(width)}  simulated  checked only`);
for (const { area, total: all, simulated: done } of areas)
  say(`${area.padEnd(width)}  ${String(done).padStart(9)}  ${String(all - done).padStart(12)}`);
say(`${'total'.padEnd(width)}  ${String(simulated).padStart(9)}  ${String(total - simulated).padStart(12)}`);
say('');

const byReason = new Map<string | undefined, string[]>();
for (const key of checkedOnly) {
  const reason = leftOutOf(key)?.reason;
  byReason.set(reason, [...(byReason.get(reason) ?? []), key]);
}
say('Checked only (path, parameters, rights; then 501), because a manager of containers does not call them:');
for (const [reason, keys] of byReason)
  if (reason !== undefined) say(`${String(keys.length).padStart(5)}  ${reason}`);
say('');
const missing = byReason.get(undefined) ?? [];
const needed = simulated + missing.length;
say(`Of the ${needed} that it can call, ${simulated} have semantics (${percent(simulated, needed)}).`);
for (const key of missing) say(`  missing: ${key}`);
process.exitCode = missing.length === 0 ? 0 : 1;
