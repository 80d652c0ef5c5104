/** Pools: listing, members, nesting (contract lxc-endpoints §J, conformance 28). The old paths cannot name nested pools. */
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import { localNode } from '../model/nodes.ts';
import { guestOf, guestRow, refreshBroadcast, storageResource } from '../model/resources.ts';
import type { SimPool, SimState } from '../model/state.ts';

const splitList = (text: string | undefined): string[] =>
  (text ?? '').split(/[\s,;]+/).filter((item) => item !== '');

function poolOf(state: SimState, poolid: string): SimPool {
  const pool = Object.hasOwn(state.pools, poolid) ? state.pools[poolid] : undefined;
  return pool ?? die(`pool '${poolid}' does not exist`);
}

/** Runs a change of user.cfg; its refusals get a prefix that tells what failed. */
function changing<T>(context: HandlerContext, what: string, change: () => T): T {
  try {
    if (!context.state.quorate) die("cfs-lock 'file-user_cfg' error: no quorum!");
    return change();
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 500) die(`${what}: ${error.message}`);
    throw error;
  }
}

function members(context: HandlerContext, pool: SimPool): unknown[] {
  const { state } = context;
  const type = context.text('type');
  refreshBroadcast(state, context.clock.now());
  const guests = pool.vms
    .map(String)
    .sort()
    .flatMap((vmid) => guestOf(state, Number(vmid)) ?? []) // unknown ids may be members; they are not shown
    .filter((guest) => type === undefined || guest.type === type)
    .map((guest) => guestRow(state, guest));
  if (type !== undefined && type !== 'storage') return guests;
  const local = localNode(state).name;
  const storages = pool.storages.toSorted().flatMap((id) => {
    const storage = state.storages[id];
    if (!storage) return [];
    const node =
      storage.nodes === undefined || storage.nodes.includes(local) ? local : storage.nodes.toSorted()[0];
    return node === undefined ? [] : [storageResource(state, storage, node)];
  });
  return [...guests, ...storages];
}

function detail(context: HandlerContext, poolid: string): Record<string, unknown> {
  const pool = poolOf(context.state, poolid);
  return {
    poolid,
    ...(pool.comment === undefined ? {} : { comment: pool.comment }),
    members: members(context, pool),
  };
}

function list(context: HandlerContext): unknown {
  const poolid = context.text('poolid');
  if (poolid !== undefined) {
    context.need(`/pool/${poolid}`, ['Pool.Audit']);
    return [detail(context, poolid)];
  }
  return Object.values(context.state.pools)
    .filter((pool) => context.has(`/pool/${pool.poolid}`, ['Pool.Audit']))
    .map((pool) => ({
      poolid: pool.poolid,
      ...(pool.comment === undefined ? {} : { comment: pool.comment }),
    }));
}

function create(context: HandlerContext): null {
  const { pools } = context.state;
  const poolid = context.text('poolid') ?? '';
  const comment = context.text('comment');
  changing(context, 'create pool failed', () => {
    if (Object.hasOwn(pools, poolid)) die(`pool '${poolid}' already exists`);
    const parent = poolid.slice(0, Math.max(0, poolid.lastIndexOf('/')));
    if (parent !== '' && !Object.hasOwn(pools, parent))
      die(`parent '${parent}' of pool '${poolid}' does not exist`);
    pools[poolid] = { poolid, ...(comment ? { comment } : {}), vms: [], storages: [] };
  });
  return null;
}

/** Right to change what may be done with an object; owners of it may as well. */
function needModify(context: HandlerContext, path: string, privilege: string): void {
  context.need(path, ['Permissions.Modify', privilege], { any: true });
}

function joinOrLeave(context: HandlerContext, pool: SimPool, remove: boolean, allowMove: boolean): void {
  const { pools } = context.state;
  for (const vmid of splitList(context.text('vms')).map(Number)) {
    needModify(context, `/vms/${vmid}`, 'VM.Allocate');
    const member = pool.vms.includes(vmid);
    if (remove) {
      if (!member) die(`VM ${vmid} is not a pool member`);
      pool.vms = pool.vms.filter((other) => other !== vmid);
      continue;
    }
    if (member) die(`VM ${vmid} is already a pool member`);
    const owner = Object.values(pools).find((other) => other.vms.includes(vmid));
    if (owner) {
      if (!allowMove) die(`VM ${vmid} belongs already to pool '${owner.poolid}' and 'allow-move' is not set`);
      needModify(context, `/pool/${owner.poolid}`, 'Pool.Allocate');
      owner.vms = owner.vms.filter((other) => other !== vmid);
    }
    pool.vms = [...pool.vms, vmid];
  }
  for (const storage of splitList(context.text('storage'))) {
    needModify(context, `/storage/${storage}`, 'Datastore.Allocate');
    const member = pool.storages.includes(storage);
    if (remove && !member) die(`Storage '${storage}' is not a pool member`);
    if (!remove && member) die(`Storage '${storage}' is already a pool member`);
    pool.storages = remove ? pool.storages.filter((other) => other !== storage) : [...pool.storages, storage];
  }
}

function update(context: HandlerContext): null {
  const { state } = context;
  changing(context, 'update pools failed', () => {
    const pool = poolOf(state, context.text('poolid') ?? '');
    const before = structuredClone(state.pools);
    const comment = context.text('comment');
    if (comment !== undefined) pool.comment = comment;
    try {
      joinOrLeave(context, pool, context.flag('delete') === true, context.flag('allow-move') === true);
    } catch (error) {
      state.pools = before; // user.cfg is written only when everything went well
      throw error;
    }
  });
  return null;
}

function remove(context: HandlerContext): null {
  const { state } = context;
  const poolid = context.text('poolid') ?? '';
  changing(context, 'delete pool failed', () => {
    const pool = poolOf(state, poolid);
    const nested = Object.keys(state.pools).find((other) => other.startsWith(`${poolid}/`));
    if (nested !== undefined) die(`pool '${poolid}' is not empty (contains pool '${nested}')`);
    const vmid = pool.vms
      .map(String)
      .sort()
      .find((id) => guestOf(state, Number(id)) !== undefined);
    if (vmid !== undefined) die(`pool '${poolid}' is not empty (contains VM ${vmid})`);
    const storage = pool.storages.toSorted().find((id) => state.storages[id] !== undefined);
    if (storage !== undefined) die(`pool '${poolid}' is not empty (contains storage '${storage}')`);
    delete state.pools[poolid];
    state.acls = state.acls.filter((acl) => acl.path !== `/pool/${poolid}`);
  });
  return null;
}

export const poolsHandlers: HandlerTable = {
  'GET /pools': list,
  'POST /pools': create,
  'PUT /pools': update,
  'DELETE /pools': remove,
  'GET /pools/{poolid}': (context) => detail(context, context.text('poolid') ?? ''),
  'PUT /pools/{poolid}': update,
  'DELETE /pools/{poolid}': remove,
};
