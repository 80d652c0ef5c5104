/** The check of fault schedules: every key, every value, every name, before anything is switched on. Changes nothing. */
import { loadSchema } from '../../schema/load.ts';
import { globMatcher } from '../../util/glob.ts';
import type { SimState } from '../model/state.ts';
import {
  type Finding,
  listOf,
  name,
  objectOf,
  oneOf,
  recordOf,
  refuseFindings,
  type Shape,
  scalar,
  text,
  whole,
} from '../validate/shape.ts';
import type { FaultEntry, FaultKind } from './entries.ts';

/** Answers whose reason and delay are known (contract transport-auth §5): what the server says, and after how many ms. */
export const knownAnswers: Readonly<Record<number, { readonly reason: string; readonly ms: number }>> = {
  401: { reason: 'Authentication failed!', ms: 3000 },
  595: { reason: 'No route to host', ms: 3000 },
  596: { reason: 'Connection timed out', ms: 30_000 },
};

const methods = ['GET', 'POST', 'PUT', 'DELETE'];

/** Parameters that take the rest of a path. */
const restParameters: ReadonlySet<string> = new Set(['{volume}', '{cidr}']);

/** Whether a pattern, cut at its slashes, could be a path of this template; a `*` at its end stands for any rest. */
function fitsTemplate(pattern: readonly string[], template: readonly string[]): boolean {
  const isOpen = pattern.at(-1)?.endsWith('*') ?? false;
  const takesRest = restParameters.has(template.at(-1) ?? '');
  const longer = pattern.length > template.length;
  if (longer ? !takesRest : pattern.length < template.length && !isOpen) return false;
  return template.every((segment, index) => {
    const part = pattern[index];
    if (part === undefined || segment.startsWith('{')) return true;
    return globMatcher(part)(segment);
  });
}

/**
 * Tells whether a pattern could fit a path of the API, each `*` within being taken for one segment. Those that cannot be
 * judged are taken as they are.
 */
function fitsApi(pattern: string): boolean {
  if (pattern === '/' || /^\*|,/.test(pattern)) return true;
  const parts = pattern.split('/');
  return Object.values(loadSchema().operations).some(({ path }) => fitsTemplate(parts, path.split('/')));
}

const apiPath: Shape = (value, path, found) => {
  name(value, path, found);
  if (typeof value !== 'string' || value === '') return;
  if (value.startsWith('/api2')) found.push({ path, message: 'is meant without /api2/json' });
  else if (!/^[/*]/.test(value)) found.push({ path, message: `must begin with /, not as ${value}` });
  else if (!fitsApi(value)) found.push({ path, message: `no path of the API fits ${value}` });
};

const chance: Shape = scalar(
  'a number above 0 and up to 1',
  (value) => typeof value === 'number' && value > 0 && value <= 1,
);
const often = { 'skip?': whole(0), 'times?': whole(1), 'probability?': chance };
const requestWhen = { 'method?': oneOf(methods), 'path?': apiPath, ...often };
const taskWhen = {
  'type?': name,
  'id?': scalar('text or a number', (value) => ['string', 'number'].includes(typeof value)),
  ...often,
};
const periodWhen = { ...requestWhen, 'afterMs?': whole(0), 'forMs?': whole(1), 'forRequests?': whole(1) };
const moment: Shape = oneOf(['before', 'after']);
const configValue: Shape = scalar('text, a number, true or false', (value) =>
  ['string', 'number', 'boolean'].includes(typeof value),
);
/** Status lines hold one line of text. */
const reason: Shape = scalar(
  'one line of text',
  (value) => typeof value === 'string' && /^[^\r\n]+$/.test(value),
);

/** The world that names of a schedule refer to. */
export type FaultNames = Pick<SimState, 'nodes' | 'storages'>;

function shapesOf(names: FaultNames): Readonly<Record<FaultKind, Shape>> {
  const fault: Shape = () => undefined;
  const node = oneOf(Object.keys(names.nodes), `a node (${Object.keys(names.nodes).join(', ')})`);
  const storage = oneOf(Object.keys(names.storages), `a storage (${Object.keys(names.storages).join(', ')})`);
  return {
    latency: objectOf({ fault, ms: whole(0), ...requestWhen }),
    drop: objectOf({ fault, 'when?': moment, ...requestWhen }),
    answer: objectOf({
      fault,
      status: whole(400, 599),
      'reason?': reason,
      'when?': moment,
      'ms?': whole(0),
      ...requestWhen,
    }),
    edit: objectOf({
      fault,
      'when?': moment,
      'vmid?': whole(100, 999_999_999),
      'set?': recordOf(configValue),
      'delete?': listOf(name),
      ...requestWhen,
    }),
    'task-failure': objectOf({ fault, 'text?': text, 'when?': oneOf(['before', 'during']), ...taskWhen }),
    'task-warning': objectOf({ fault, 'text?': text, ...taskWhen }),
    'lock-timeout': objectOf({ fault, 'lock?': name, ...often }),
    'full-storage': objectOf({ fault, storage, 'freeBytes?': whole(0), ...periodWhen }),
    'node-loss': objectOf({ fault, node, ...periodWhen }),
    'quorum-loss': objectOf({ fault, ...periodWhen }),
  };
}

/** What single keys cannot tell. */
function crossChecks(entry: FaultEntry, path: string, found: Finding[]): void {
  if (entry.fault === 'answer' && entry.reason === undefined && knownAnswers[entry.status] === undefined)
    found.push({
      path: `${path}.reason`,
      message: `is missing; only ${Object.keys(knownAnswers).join(', ')} have one`,
    });
  if (entry.fault !== 'edit') return;
  if (entry.set === undefined && entry.delete === undefined)
    found.push({ path, message: 'changes nothing: it needs set or delete' });
  if (entry.vmid === undefined && entry.path === undefined)
    found.push({ path, message: 'needs a vmid, or a path whose container is meant' });
}

/**
 * Checks the entries of a schedule.
 *
 * @param entries - anything.
 * @param names - nodes and storages of the cluster.
 * @param source - where the schedule comes from, for the message.
 * @returns the same entries.
 * @throws UsageError that names each wrong entry and key, with suggestions.
 */
export function checkFaults(entries: unknown, names: FaultNames, source = 'the schedule'): FaultEntry[] {
  const shapes = shapesOf(names);
  const kinds = Object.keys(shapes);
  const kind = oneOf(kinds);
  const found: Finding[] = [];
  const one: Shape = (value, path) => {
    const before = found.length;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      objectOf({})(value, path, found);
      return;
    }
    const { fault } = value as { fault?: unknown };
    if (typeof fault !== 'string' || !kinds.includes(fault)) {
      if (fault === undefined)
        found.push({ path: `${path}.fault`, message: `is missing: one of ${kinds.join(', ')}` });
      else kind(fault, `${path}.fault`, found);
      return;
    }
    shapes[fault as FaultKind](value, path, found);
    if (found.length === before) crossChecks(value as FaultEntry, path, found);
  };
  listOf(one)(entries, 'faults', found);
  refuseFindings(`${source} is no fault schedule`, found);
  return entries as FaultEntry[];
}

/**
 * Checks a file that holds nothing but a schedule: `{ "faults": [ … ], "randomSeed": 7 }`.
 *
 * @param value - its JSON.
 * @param source - its name, for messages.
 * @returns the entries, to be checked by {@link checkFaults}, and the random seed.
 * @throws UsageError for anything else.
 */
export function readFaultFile(
  value: unknown,
  source: string,
): { readonly faults: unknown; readonly randomSeed?: number } {
  const found: Finding[] = [];
  const shape = objectOf({ faults: listOf(() => undefined), 'randomSeed?': whole(0, 0xffff_ffff) });
  shape(value, '', found);
  refuseFindings(
    `${source} is no fault schedule`,
    found,
    'it looks like {"faults": [{"fault": "drop", …}, …]}',
  );
  return value as { faults: unknown; randomSeed?: number };
}
