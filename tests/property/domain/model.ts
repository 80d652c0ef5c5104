/**
 * A tiny pure model of what the server does with the requests of a plan, written from contract/lxc-endpoints.md §C and
 * contract/behaviours.md §2–4, not from the planner: raw strings, a pending section, a hot-plug table of its own.
 */
import { splitDescription } from '../../../src/codec/description.ts';
import { decodeLxcConfig } from '../../../src/codec/lxc-config.ts';
import type { ActualContainer, ClusterSnapshot } from '../../../src/domain/actual.ts';
import type { Action, Plan } from '../../../src/domain/plan.ts';
import { snapshotOf } from '../../support/builders.ts';

type Raw = Record<string, string>;

interface Guest {
  readonly vmid: number;
  readonly node: string;
  running: boolean;
  pool?: string;
  current: Raw;
  pending: Raw;
  deleted: Set<string>;
  version: number;
}

/** The modelled cluster. */
export interface Model {
  readonly guests: Map<number, Guest>;
  /** Every MAC address and volume number handed out. */
  counter: number;
}

export const emptyModel = (): Model => ({ guests: new Map(), counter: 0 });

const atOnce =
  /^(?:description|onboot|startup|protection|hookscript|tags|lock|hostname|cores|cpulimit|cpuunits|memory|swap|net\d+)$/;

const text = (value: unknown): string =>
  typeof value === 'boolean'
    ? String(Number(value))
    : typeof value === 'number'
      ? String(value)
      : String(value);

function normalise(model: Model, key: string, value: string, vmid: number): string {
  if (key === 'tags')
    return [
      ...new Set(
        value
          .toLowerCase()
          .split(/[;, ]+/)
          .filter(Boolean),
      ),
    ]
      .sort()
      .join(';');
  if (key === 'description') return `${value}\n`;
  if (/^net\d+$/.test(key)) {
    const hwaddr = /hwaddr=/.test(value)
      ? ''
      : `,hwaddr=BC:24:11:00:00:${(model.counter++ % 256).toString(16).padStart(2, '0')}`;
    return `${value}${hwaddr}${/type=veth/.test(value) ? '' : ',type=veth'}`;
  }
  const made = /^([a-z][\w-]*):(\d+(?:\.\d+)?)((?:,.*)?)$/.exec(value);
  if (/^(?:rootfs|mp\d+)$/.test(key) && made) {
    const mebibytes = Math.floor(Number(made[2]) * 1024);
    return `${made[1]}:vm-${vmid}-disk-${model.counter++}${made[3]},size=${mebibytes % 1024 === 0 ? `${mebibytes / 1024}G` : `${mebibytes}M`}`;
  }
  return value;
}

function applyPending(model: Model, guest: Guest): void {
  // a key that waits to be changed and was then deleted: first the deletion is applied, then the old change
  for (const key of guest.deleted) delete guest.current[key];
  for (const [key, value] of Object.entries(guest.pending))
    guest.current[key] = normalise(model, key, value, guest.vmid);
  guest.pending = {};
  guest.deleted = new Set();
}

/** Applies what can be applied now, as vmconfig_hotplug_pending and vmconfig_apply_pending do. */
function settle(model: Model, guest: Guest): void {
  if (!guest.running) {
    applyPending(model, guest);
    return;
  }
  for (const [key, value] of Object.entries(guest.pending)) {
    const isNewDisk = /^(?:mp|dev)\d+$/.test(key) && !(key in guest.current);
    if (value === guest.current[key]) delete guest.pending[key];
    else if (atOnce.test(key) || isNewDisk) {
      guest.current[key] = normalise(model, key, value, guest.vmid);
      delete guest.pending[key];
    }
  }
  for (const key of guest.deleted)
    if (!(key in guest.current)) guest.deleted.delete(key);
    else if (atOnce.test(key) && !/^net\d\d/.test(key)) {
      delete guest.current[key];
      guest.deleted.delete(key);
    }
}

const meta = new Set([
  'node',
  'vmid',
  'digest',
  'delete',
  'revert',
  'ostemplate',
  'pool',
  'password',
  'ssh-public-keys',
]);

function guestOf(model: Model, action: Action): Guest {
  const guest = model.guests.get(action.target.vmid ?? -1);
  if (!guest) throw new Error(`${action.id}: there is no such container`);
  return guest;
}

function configure(model: Model, guest: Guest, params: Action['request']['params']): void {
  const split = (name: string): string[] => (name in params ? text(params[name]).split(',') : []);
  const values = Object.entries(params).filter(([key]) => !meta.has(key));
  if (values.length === 0 && !('delete' in params) && !('revert' in params))
    throw new Error('no options specified');
  for (const key of split('revert')) {
    delete guest.pending[key];
    guest.deleted.delete(key);
  }
  for (const key of split('delete')) {
    if (/^(?:memory|rootfs|ostype|unprivileged)$/.test(key)) throw new Error(`unable to delete '${key}'`);
    if (key in guest.current) guest.deleted.add(key);
  }
  for (const [key, value] of values) {
    if (key === 'unprivileged') throw new Error('unable to modify read-only option');
    if (/^(?:rootfs|mp\d+)$/.test(key) && guest.current['protection'] === '1')
      throw new Error('protection mode enabled');
    if (/^(?:rootfs|mp\d+)$/.test(key) && key in guest.current && /^[a-z][\w-]*:\d/.test(text(value)))
      throw new Error(`${key}: the creation form for a disk that exists`);
    if (text(value) === '') throw new Error(`${key}: an empty value`);
    guest.pending[key] = text(value);
    guest.deleted.delete(key);
  }
  settle(model, guest);
}

function create(model: Model, { target, request }: Action): void {
  const vmid = target.vmid as number;
  if (model.guests.has(vmid)) throw new Error(`CT ${vmid} already exists`);
  const raw: Raw = { arch: 'amd64', ostype: 'debian', memory: '512', swap: '512', hostname: `CT${vmid}` };
  for (const [key, value] of Object.entries(request.params))
    if (!meta.has(key)) raw[key] = normalise(model, key, text(value), vmid);
  const pool = request.params['pool'];
  model.guests.set(vmid, {
    vmid,
    node: target.node,
    running: false,
    current: raw,
    pending: {},
    deleted: new Set(),
    version: 0,
    ...(typeof pool === 'string' ? { pool } : {}),
  });
}

function resize(guest: Guest, params: Action['request']['params']): void {
  const disk = text(params['disk']);
  const old = guest.current[disk];
  if (old === undefined) throw new Error(`no disk ${disk}`);
  const bytes = (size: string): number =>
    Number.parseFloat(size) * 1024 ** ' KMGT'.indexOf(size.at(-1) as string);
  const size = text(params['size']);
  const before = /size=([^,]+)/.exec(old)?.[1] as string;
  if (bytes(size) <= bytes(before)) throw new Error('unable to shrink disk size');
  guest.current[disk] = old.replace(/size=[^,]+/, `size=${size}`);
}

function carryOut(model: Model, action: Action): void {
  const { kind, request } = action;
  if (kind === 'template.download') return;
  if (kind === 'container.create') {
    create(model, action);
    return;
  }
  const guest = guestOf(model, action);
  guest.version += 1;
  if (request.path === '/pools') guest.pool = text(request.params['poolid']);
  else if (kind === 'container.configure') configure(model, guest, request.params);
  else if (kind === 'container.resize-disk') resize(guest, request.params);
  else if (kind === 'container.destroy') {
    if (guest.running && request.params['force'] !== true) throw new Error('container is running');
    model.guests.delete(guest.vmid);
  } else {
    const mustRun = kind !== 'container.start';
    if (guest.running !== mustRun) throw new Error(`${action.id}: wrong state`);
    applyPending(model, guest);
    guest.running = kind === 'container.start' || kind === 'container.reboot';
  }
}

/** Carries out a plan in its order; throws where the server would refuse a request. */
export function applyTo(model: Model, plan: Plan): void {
  const done = new Set<string>();
  for (const action of plan.actions) {
    for (const id of action.dependsOn) if (!done.has(id)) throw new Error(`${action.id} comes before ${id}`);
    carryOut(model, action);
    done.add(action.id);
  }
}

function toActual(guest: Guest): ActualContainer {
  const live = decodeLxcConfig(guest.current);
  const kept = Object.entries(guest.current).filter(([key]) => !guest.deleted.has(key));
  const next = decodeLxcConfig({ ...Object.fromEntries(kept), ...guest.pending });
  const { ownership } = splitDescription(next.description ?? '');
  return {
    type: 'lxc',
    vmid: guest.vmid,
    node: guest.node,
    name: live.hostname ?? '',
    status: guest.running ? 'running' : 'stopped',
    isTemplate: false,
    tags: live.tags ?? [],
    usage: {},
    live,
    next,
    pending: [...new Set([...Object.keys(guest.pending), ...guest.deleted])],
    digest: `${guest.vmid}.${guest.version}`,
    ...(guest.pool === undefined ? {} : { pool: guest.pool }),
    ...(ownership ? { ownership } : {}),
  };
}

/** The cluster as it would be observed. */
export const observeModel = (model: Model): ClusterSnapshot =>
  snapshotOf([...model.guests.values()].map(toActual));
