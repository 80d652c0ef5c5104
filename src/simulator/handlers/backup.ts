/**
 * Backups: vzdump now, scheduled jobs, and the config inside of an archive (contract lxc-endpoints §J, conformance 30).
 * The file's content is in `SimVolume.meta`; see appliances.ts.
 */
import { createHash } from 'node:crypto';
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { backupContent } from '../model/appliances.ts';
import { type BackupJobSettings, backupJobs } from '../model/backup-jobs.ts';
import { splitList } from '../model/datacenter.ts';
import { sectionText } from '../model/digest.ts';
import { nodeOf } from '../model/nodes.ts';
import { allGuests, guestOf } from '../model/resources.ts';
import type { SimState } from '../model/state.ts';
import { needVolumeAccess } from '../model/volume-access.ts';
import { parseVolumeId, parseVolumeName } from '../model/volume-names.ts';
import { findVolume, storageConfig } from '../model/volumes.ts';
import { backupGuests } from './backup-run.ts';

/** Settings that only root@pam may send: they name files and programs of the node. */
const rootOnly = ['tmpdir', 'dumpdir', 'script', 'job-id'];
const systemOnly = ['bwlimit', 'ionice', 'performance'];

/** Checks what schema and rights cannot (PVE::VZDump verify_vzdump_parameters). */
function checkSelection(values: {
  readonly vmid: unknown;
  readonly all: boolean;
  readonly pool: unknown;
  readonly exclude: unknown;
}): void {
  const all = values.all || values.exclude !== undefined;
  if (all && values.vmid !== undefined) paramError({ all: "option conflicts with option 'vmid'" });
  if (values.pool !== undefined && values.vmid !== undefined)
    paramError({ pool: "option conflicts with option 'vmid'" });
  if (!all && values.vmid === undefined && values.pool === undefined)
    paramError({ vmid: 'property is missing' });
}

function checkRights(context: HandlerContext): void {
  for (const key of rootOnly)
    if (context.text(key) !== undefined && !context.auth.isRoot)
      paramError({ [key]: 'Only root may set this option.' });
  if (systemOnly.some((key) => context.text(key) !== undefined)) context.need('/', ['Sys.Modify']);
}

/** What selects guests. */
interface Selection {
  readonly vmid?: string | number | undefined;
  readonly pool?: string | number | undefined;
  readonly exclude?: string | number | undefined;
}

const numbersOf = (list: string | number | undefined): number[] => splitList(String(list ?? '')).map(Number);

/** Guests that a selection means. Ids that exist nowhere stay in: their backup fails visibly. */
export function selectedGuests(state: SimState, { vmid, pool, exclude }: Selection): number[] {
  if (vmid !== undefined) return [...new Set(numbersOf(vmid))];
  const excluded = new Set(numbersOf(exclude));
  const members =
    pool === undefined ? undefined : (state.pools[pool]?.vms ?? die(`pool '${pool}' does not exist`));
  return (members ?? allGuests(state).map((guest) => guest.vmid))
    .filter((id) => !excluded.has(id))
    .toSorted((left, right) => left - right);
}

function vzdump(context: HandlerContext): string {
  const { state } = context;
  const node = nodeOf(context).name;
  if (context.flag('stdout')) paramError({ stdout: 'option is only allowed on the command line interface.' });
  checkRights(context);
  const everything = context.flag('all') === true || context.text('exclude') !== undefined;
  checkSelection({
    vmid: context.text('vmid'),
    all: everything,
    pool: context.text('pool'),
    exclude: context.text('exclude'),
  });
  if (context.flag('stop') === true) return 'OK';
  const guests = selectedGuests(state, {
    vmid: context.text('vmid'),
    pool: context.text('pool'),
    exclude: context.text('exclude'),
  }).filter((vmid) => (guestOf(state, vmid)?.node ?? node) === node);
  if (guests.length === 0 && !everything) return 'OK';
  const storage = context.text('storage');
  if (storage !== undefined) context.need(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const id = guests.length === 1 ? String(guests[0]) : '';
  return context.fork('vzdump', id, node, (worker) =>
    backupGuests(context, worker, { node, guests, explicit: !everything, storage: storage ?? 'local' }),
  );
}

function defaults(context: HandlerContext): unknown {
  const { state } = context;
  const storage = context.text('storage') ?? 'local';
  context.need(`/storage/${storage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], { any: true });
  const entry = storageConfig(state, storage);
  const retention = entry.options['prune-backups'];
  return {
    all: 0,
    bwlimit: 0,
    compress: '0',
    ionice: 7,
    lockwait: 180,
    mailnotification: 'always',
    mode: 'snapshot',
    'notification-mode': 'auto',
    pigz: 0,
    remove: 1,
    stdexcludes: 1,
    stop: 0,
    stopwait: 10,
    storage,
    zstd: 1,
    'prune-backups': retention ?? 'keep-all=1',
  };
}

function extractConfig(context: HandlerContext): string {
  const { state } = context;
  const volid = context.text('volume') ?? '';
  const parsed = parseVolumeId(volid) ?? die(`unable to parse volume ID '${volid}'`);
  const { type } = storageConfig(state, parsed.storage);
  needVolumeAccess(context, volid);
  const vmid = parseVolumeName(type, parsed.name)?.vmid;
  if (vmid !== undefined) context.need(`/vms/${vmid}`, ['VM.Backup']);
  const volume = findVolume(state, nodeOf(context).name, volid) ?? die(`volume '${volid}' does not exist`);
  const saved = backupContent(volume) ?? die(`Can't find file with config in archive '${volid}'`);
  return sectionText(saved.config, saved.raw);
}

// ---- scheduled jobs ----

/** Settings as they were sent; numbers where the schema has integers and booleans. */
function jobSettings(context: HandlerContext): BackupJobSettings {
  const other = new Set(['id', 'delete', 'starttime', 'dow']);
  const entries = Object.keys(context.params)
    .filter((key) => !other.has(key))
    .flatMap((key): [string, string | number][] => {
      const type = context.operation.parameters.properties[key]?.type;
      const value = type === 'integer' || type === 'boolean' ? context.number(key) : context.text(key);
      return value === undefined ? [] : [[key, value]];
    });
  const start = context.text('starttime');
  const days = context.text('dow');
  return {
    ...Object.fromEntries(entries),
    ...(start === undefined ? {} : { schedule: days === undefined ? start : `${days} ${start}` }),
  };
}

function checkJob(job: BackupJobSettings): void {
  checkSelection({ vmid: job['vmid'], all: job['all'] === 1, pool: job['pool'], exclude: job['exclude'] });
}

function jobRow(id: string, job: BackupJobSettings): Record<string, unknown> {
  return { enabled: 1, ...job, id, type: 'vzdump' };
}

/** The job that the path names. */
export function jobOf(context: HandlerContext): { id: string; job: BackupJobSettings } {
  const id = context.text('id') ?? '';
  return { id, job: backupJobs(context.state)[id] ?? paramError({ id: `No such job '${id}'` }) };
}

function createJob(context: HandlerContext): null {
  const jobs = backupJobs(context.state);
  const unique = createHash('sha1').update(String(context.random())).digest('hex');
  const id = context.text('id') ?? `backup-${unique.slice(0, 8)}-${unique.slice(8, 12)}`;
  const job = jobSettings(context);
  if (context.text('schedule') !== undefined && context.text('starttime') !== undefined)
    paramError({ starttime: "option conflicts with option 'schedule'" });
  checkRights(context);
  checkJob(job);
  if (jobs[id]) die(`Job '${id}' already exists`);
  jobs[id] = job;
  return null;
}

function updateJob(context: HandlerContext): null {
  const { id, job } = jobOf(context);
  checkRights(context);
  const settings = jobSettings(context);
  const changed: BackupJobSettings = { ...job, ...settings };
  for (const key of splitList(context.text('delete') ?? '')) delete changed[key];
  // One way of selecting guests replaces the others.
  for (const [key, others] of [
    ['vmid', ['all', 'exclude', 'pool']],
    ['all', ['vmid', 'pool']],
    ['pool', ['vmid', 'all', 'exclude']],
  ] as const)
    if (settings[key] !== undefined && settings[key] !== 0)
      for (const other of others) if (settings[other] === undefined) delete changed[other];
  checkJob(changed);
  backupJobs(context.state)[id] = changed;
  return null;
}

/** Guests that no enabled job saves. */
function notBackedUp(context: HandlerContext): unknown {
  const { state } = context;
  const covered = new Set(
    Object.values(backupJobs(state))
      .filter((job) => job['enabled'] !== 0)
      .flatMap((job) => selectedGuests(state, job)),
  );
  return allGuests(state)
    .filter(({ vmid }) => !covered.has(vmid) && context.has(`/vms/${vmid}`, ['VM.Audit']))
    .map((guest) => {
      const name = guest.type === 'lxc' ? guest.container.config['hostname'] : guest.vm.name;
      return { vmid: guest.vmid, type: guest.type, ...(name === undefined ? {} : { name }) };
    });
}

export const backupHandlers: HandlerTable = {
  'POST /nodes/{node}/vzdump': vzdump,
  'GET /nodes/{node}/vzdump/defaults': defaults,
  'GET /nodes/{node}/vzdump/extractconfig': extractConfig,
  'GET /cluster/backup': ({ state }) => Object.entries(backupJobs(state)).map(([id, job]) => jobRow(id, job)),
  'POST /cluster/backup': createJob,
  'GET /cluster/backup/{id}': (context) => {
    const { id, job } = jobOf(context);
    return jobRow(id, job);
  },
  'PUT /cluster/backup/{id}': updateJob,
  'DELETE /cluster/backup/{id}': (context) => {
    delete backupJobs(context.state)[jobOf(context).id];
    return null;
  },
  'GET /cluster/backup-info/not-backed-up': notBackedUp,
};
