/** `npm run bench`: the benchmarks, as a table. */
import { cpus } from 'node:os';
import { measurePlanning } from './planning.ts';
import { measureServing } from './serving.ts';
import { measureStartUp } from './startup.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const row = (what: string, ...values: readonly string[]): void =>
  say(`${what.padEnd(44)}${values.map((value) => value.padStart(16)).join('')}`);
const number = (value: number, digits = 0): string => value.toFixed(digits);

say(`Node.js ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`);
say('');

row('planning a fleet that is in sync', 'requests', 'seconds', 'MiB');
for (const count of [1000, 5000]) {
  const cost = await measurePlanning(count);
  if (cost.changes > 0) throw new Error(`${cost.changes} changes in a fleet that is in sync`);
  row(
    `  ${cost.containers} containers`,
    number(cost.requests),
    number(cost.seconds, 2),
    number(cost.heldMiB, 1),
  );
}
say('');

const serving = await measureServing(10_000);
row('sim serve over HTTPS', 'requests', 'a second', 'connections');
row(
  '  200 in parallel, reads, writes and tasks',
  number(serving.requests),
  number(serving.perSecond),
  number(serving.connections),
);
row('', 'answers', 'median ms', '99 % ms');
for (const [kind, { count, medianMs, p99Ms }] of Object.entries(serving.kinds))
  row(`    ${kind}`, number(count), number(medianMs, 1), number(p99Ms, 1));
row('  a lone read of a config', '', number(serving.loneReadMs, 2), '');
say('');

const { emptyMs, helpMs } = await measureStartUp(15);
row('start-up', '', 'median ms', '');
row('  an empty Node.js', '', number(emptyMs), '');
row('  pvefleet --help', '', number(helpMs), '');
