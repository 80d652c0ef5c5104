/**
 * Files and folders of this machine that go into containers: what they hold when a plan is made, whether they still hold it,
 * and their bytes when they are sent. The format of the stream is that of placeScript (console/step-scripts.ts).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type {
  CopyStep,
  DesiredContainer,
  DesiredFleet,
  LocalTree,
  ProvisionStep,
} from '../domain/desired.ts';
import type { Plan } from '../domain/plan.ts';
import { canonicalJson } from '../util/canonical-json.ts';
import { fileReason } from '../util/file-error.ts';
import type { StaleAction } from './errors.ts';
import { StalePlanError } from './failures.ts';

/** One entry; its path is below the copied one, and empty for that itself. */
type Entry = { readonly path: string } & (
  | { readonly kind: 'd'; readonly mode: string }
  | { readonly kind: 'f'; readonly mode: string; readonly sizeBytes: number }
  | { readonly kind: 'l'; readonly target: string }
);

/** What cannot be copied, in words. */
class Unreadable extends Error {}

/**
 * Access mode without what differs from one machine to the next, such as the umask of whoever checked the file out: who
 * may execute it, and whether others may read it.
 */
function modeOf(mode: number, isFolder: boolean): string {
  const own = isFolder || (mode & 0o100) !== 0 ? 7 : 6;
  const others = (mode & 0o044) === 0 ? 0 : own === 7 ? 5 : 4;
  return `0${own}${others}${others}`;
}

async function entriesOf(root: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const visit = async (path: string): Promise<void> => {
    const full = path === '' ? root : join(root, path);
    // the path in the fleet file may be a link itself
    const info = await stat(full);
    if (info.isDirectory()) {
      entries.push({ kind: 'd', path, mode: modeOf(info.mode, true) });
      const members = await readdir(full, { withFileTypes: true });
      for (const member of members.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const below = path === '' ? member.name : `${path}/${member.name}`;
        if (/[\n\r]/.test(below))
          throw new Unreadable(`the name of ${JSON.stringify(below)} has a line break`);
        if (!member.isSymbolicLink()) {
          await visit(below);
          continue;
        }
        const target = await readlink(join(root, below));
        if (/[\n\r]/.test(target)) throw new Unreadable(`the target of the link ${below} has a line break`);
        entries.push({ kind: 'l', path: below, target });
      }
    } else if (info.isFile()) {
      entries.push({ kind: 'f', path, mode: modeOf(info.mode, false), sizeBytes: info.size });
    } else throw new Unreadable(`${path === '' ? 'it' : path} is neither a file nor a folder`);
  };
  await visit('');
  return entries;
}

const blockBytes = 262_144;

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: blockBytes })) yield chunk as Buffer;
}

/**
 * Reads a file or folder once through.
 *
 * @param path - on this machine.
 * @returns digest and size, or why it cannot be read.
 */
export async function readLocalTree(path: string): Promise<LocalTree> {
  const tree = createHash('sha256');
  let files = 0;
  let sizeBytes = 0;
  try {
    for (const entry of await entriesOf(path)) {
      tree.update(`${canonicalJson(entry)}\n`);
      if (entry.kind !== 'f') continue;
      const content = createHash('sha256');
      for await (const chunk of bytesOf(join(path, entry.path))) content.update(chunk);
      tree.update(content.digest());
      files += 1;
      sizeBytes += entry.sizeBytes;
    }
  } catch (error) {
    return { problem: error instanceof Unreadable ? error.message : fileReason(error) };
  }
  return { sha256: tree.digest('hex'), files, sizeBytes };
}

/**
 * Reads what the steps of a fleet copy.
 *
 * @param fleet - the file.
 * @param isMeant - the containers that are meant; others are left alone.
 * @returns the fleet with what was read; each file and folder is read once.
 */
export async function withLocalTrees(
  fleet: DesiredFleet,
  isMeant: (container: DesiredContainer) => boolean = () => true,
): Promise<DesiredFleet> {
  const copies = fleet.containers
    .filter(isMeant)
    .flatMap(({ provision = [] }) =>
      provision.flatMap((step) => (step.kind === 'copy' ? [step.location] : [])),
    );
  if (copies.length === 0) return fleet;
  const trees = new Map<string, LocalTree>();
  for (const location of new Set(copies)) trees.set(location, await readLocalTree(location));
  const read = (step: ProvisionStep): ProvisionStep => {
    const local = step.kind === 'copy' ? trees.get(step.location) : undefined;
    return step.kind === 'copy' && local ? { ...step, local } : step;
  };
  const containers = fleet.containers.map((container) =>
    container.provision && isMeant(container)
      ? { ...container, provision: container.provision.map(read) }
      : container,
  );
  return { ...fleet, containers };
}

/** Why a copy is not what was planned; undefined: it is. */
async function changeOf({ location, local }: CopyStep): Promise<string | undefined> {
  const now = await readLocalTree(location);
  if ('problem' in now) return `cannot copy ${location}: ${now.problem}`;
  return local && 'sha256' in local && local.sha256 === now.sha256
    ? undefined
    : `${location} has changed since it was planned`;
}

/**
 * Compares what a saved plan copies with what is there.
 *
 * @param plan - made earlier.
 * @returns the actions whose files have changed or are gone; each file is read once.
 */
export async function staleCopies(plan: Plan): Promise<StaleAction[]> {
  const reasons = new Map<string, string | undefined>();
  const stale: StaleAction[] = [];
  for (const { id, inside, target } of plan.actions) {
    if (inside?.kind !== 'provision' || inside.step.kind !== 'copy') continue;
    const { step } = inside;
    const known = JSON.stringify([step.location, step.local]);
    if (!reasons.has(known)) reasons.set(known, await changeOf(step));
    const reason = reasons.get(known);
    const { key, vmid } = target;
    if (reason !== undefined) stale.push({ id, key, reason, ...(vmid === undefined ? {} : { vmid }) });
  }
  return stale;
}

function stale(message: string): StalePlanError {
  return new StalePlanError(message, { hint: 'make a new plan' });
}

async function* contentOf(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of bytesOf(path)) {
    sent += chunk.length;
    if (sent > sizeBytes) break;
    yield chunk;
  }
  if (sent !== sizeBytes) throw stale(`${path} has changed while it was read`);
}

/** What is sent of a copy. */
export interface Shipment {
  /** Path inside the container. */
  readonly to: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Prepares a copy.
 *
 * @param step - as planned.
 * @returns where it goes and what is sent.
 * @throws StalePlanError when it is not what was planned.
 */
export async function shipmentOf(step: CopyStep): Promise<Shipment> {
  const { location, mode } = step;
  const changed = await changeOf(step);
  if (changed !== undefined) throw stale(changed);
  const entries = await entriesOf(location);
  const isFile = entries[0]?.kind === 'f';
  const into = step.to.replace(/\/+$/, '');
  async function* bytes(): AsyncGenerator<Buffer> {
    for (const entry of entries) {
      if (entry.kind === 'l') yield Buffer.from(`l\n${entry.path}\n${entry.target}\n`);
      else if (entry.kind === 'd') yield Buffer.from(`d ${entry.mode}\n${entry.path}\n`);
      else {
        yield Buffer.from(`f ${mode ?? entry.mode} ${entry.sizeBytes}\n${entry.path}\n`);
        yield* contentOf(join(location, entry.path), entry.sizeBytes);
      }
    }
  }
  // a file that goes into a folder keeps its name
  const to = isFile && step.to.endsWith('/') ? `${into}/${basename(location)}` : into;
  return { to, bytes: bytes() };
}
