/**
 * What the preflight says is what the server would refuse: random accounts carry out random plans on the simulator, whose
 * checks share no code with the rights table.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DesiredContainer, DesiredFleet } from '../../../src/domain/desired.ts';
import { grantCommands, judgeRights } from '../../../src/domain/judge-rights.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { rightsOf } from '../../../src/domain/rights.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { observe } from '../../../src/engine/observe.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import { readPermissions } from '../../../src/engine/preflight.ts';
import type { SimState } from '../../../src/simulator/model/state.ts';
import { GiB, MiB } from '../../../src/util/bytes.ts';
import { makeEngine, policyOf } from '../../support/engine.ts';
import { fleet } from '../domain/arbitraries.ts';

/** What no account of the test is without: it could not even look. */
const looking = ['VM.Audit', 'Datastore.Audit', 'Sys.Audit'];
const granted = [
  'VM.Allocate',
  'VM.Config.CPU',
  'VM.Config.Disk',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.PowerMgmt',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'SDN.Use',
  'Pool.Allocate',
  'Permissions.Modify',
  'Sys.Modify',
];
const paths = [
  '/',
  '/vms',
  '/vms/300',
  '/vms/301',
  '/pool/lab',
  '/pool/production',
  '/storage',
  '/storage/local-lvm',
  '/storage/local',
  '/sdn/zones',
  '/sdn/zones/localnetwork/vmbr0',
  '/sdn/zones/localnetwork/vmbr1/3',
];

interface Entry {
  readonly path: string;
  readonly privileges: readonly string[];
  readonly propagate: boolean;
}

interface Person {
  readonly kind: 'ticket' | 'token' | 'separated';
  readonly entries: readonly Entry[];
  /** Few privileges, or all but a few. */
  readonly tags: 'free' | 'registered' | 'list';
}

const privileges = fc.oneof(
  { weight: 1, arbitrary: fc.subarray(granted) },
  // most are there, so that plans get beyond their first step
  {
    weight: 3,
    arbitrary: fc
      .subarray(granted, { maxLength: 2 })
      .map((few) => granted.filter((one) => !few.includes(one))),
  },
);
const person: fc.Arbitrary<Person> = fc
  .record({
    kind: fc.constantFrom('ticket' as const, 'token' as const, 'separated' as const),
    entries: fc.uniqueArray(
      fc.record({ path: fc.constantFrom(...paths), privileges, propagate: fc.boolean() }),
      { maxLength: 5, selector: ({ path }) => path },
    ),
    root: privileges,
    tags: fc.constantFrom('free' as const, 'free' as const, 'registered' as const, 'list' as const),
  })
  .map(({ root, entries, ...rest }) => ({
    ...rest,
    entries: [
      { path: '/', privileges: root, propagate: true },
      ...entries
        .filter(({ path }) => path !== '/')
        // entries of a separated token that do not reach below cannot be told from the answer
        .map((entry) => ({ ...entry, propagate: entry.propagate || rest.kind === 'separated' })),
    ],
  }));

const secret = '12345678-1234-4234-8234-123456789abc';

function admit(state: SimState, { kind, entries, tags }: Person): void {
  state.users['tess@pve'] = {
    userid: 'tess@pve',
    password: 'tess-password',
    enable: true,
    expire: 0,
    groups: [],
    tokens: { tok: { tokenid: 'tok', secret, privsep: kind === 'separated', expire: 0 } },
  };
  entries.forEach(({ path, privileges: names, propagate }, index) => {
    const roleid = `role${index}`;
    state.roles[roleid] = [...looking, ...names];
    const ids = [
      ['user', 'tess@pve'] as const,
      ...(kind === 'separated' ? [['token', 'tess@pve!tok'] as const] : []),
    ];
    for (const [type, ugid] of ids) state.acls.push({ path, type, ugid, roleid, propagate });
  });
  // the tag of owned containers is free; without that nothing could be created at all
  if (tags === 'registered') state.options['registered-tags'] = ['db'];
  if (tags === 'list')
    state.options['user-tag-access'] = { 'user-allow': 'list', 'user-allow-list': ['pvefleet', 'web'] };
}

function fitting(file: DesiredFleet): DesiredFleet {
  const containers = file.containers.map((one, index): DesiredContainer => {
    const { env: _env, ...options } = one.options;
    const { quota: _quota, ...rootfs } = one.rootfs;
    const mounts = Object.entries(one.mounts ?? {}).map(([path, { quota: _quota, ...mount }]) => [
      path,
      mount,
    ]);
    const nets = Object.entries(one.nets ?? {}).map(([name, { hostManaged: _managed, ...net }]) => [
      name,
      net,
    ]);
    const { pool, ...rest } = one;
    return {
      ...rest,
      options,
      rootfs,
      template: 'debian-12',
      unprivileged: index !== 1,
      // joining a pool gives rights; leaving one takes away what cannot be told from a container's own
      ...(pool === undefined ? {} : { pool: 'lab' }),
      ...(one.mounts ? { mounts: Object.fromEntries(mounts) } : {}),
      ...(one.nets ? { nets: Object.fromEntries(nets) } : {}),
    };
  });
  return { ...file, vmids: { from: 300, to: 399 }, containers };
}

const all = policyOf({ all: true });

test('an action is refused by the server if and only if it was predicted', async () => {
  const outcomes = { refused: 0, done: 0, rootOnly: 0 };
  await fc.assert(
    fc.asyncProperty(
      fleet([GiB]),
      fleet([GiB, 1536 * MiB]),
      fc.boolean(),
      person,
      async (before, after, isFresh, who) => {
        const engine = makeEngine();
        const { state, credentials } = engine.simulator;
        const { username, password } = credentials;
        const root = engine.again({ auth: { kind: 'ticket', username, password } });
        if (!isFresh)
          await applyPlan(root.context, (await makePlan(root.context, fitting(before), all)).plan);
        admit(state, who);
        const identity = who.kind === 'ticket' ? 'tess@pve' : 'tess@pve!tok';
        const tess = engine.again({
          auth:
            who.kind === 'ticket'
              ? { kind: 'ticket', username: 'tess@pve', password: 'tess-password' }
              : { kind: 'token', tokenId: 'tess@pve!tok', secret },
        });
        const snapshot = await observe(tess.context, { fleet: fitting(after), recreate: true });
        const plan = planFleet(fitting(after), snapshot, all);
        fc.pre(plan.refusals.length === 0);
        const needs = rightsOf(plan.actions, snapshot);
        const tree = await readPermissions(tess.context);
        const { missing, rootOnly } = judgeRights(needs, { identity, tree });
        const predicted = new Set(
          [...missing.flatMap(({ actions }) => actions), ...rootOnly.map(({ action }) => action)].map(
            ({ id }) => id,
          ),
        );
        outcomes.rootOnly += rootOnly.length;
        const rights = structuredClone({ acls: state.acls, pools: state.pools, roles: state.roles });
        const report = await applyPlan(tess.context, plan);
        for (const { id, result, error } of report.actions) {
          if (result === 'skipped') continue;
          const isRefused = error?.code === 'PVE_PERMISSION';
          if (isRefused) outcomes.refused += 1;
          else outcomes.done += 1;
          expect({ id, isRefused, error: error?.message }).toEqual({
            id,
            isRefused: predicted.has(id),
            error: isRefused ? error?.message : undefined,
          });
        }
        // as they were planned with: a destruction takes rights along
        Object.assign(state, rights);
        // the commands grant all that is missing, and nothing that is there gets lost
        for (const command of grantCommands(missing, { identity, tree })) grant(state, command);
        const later = await readPermissions(tess.context);
        expect(judgeRights(needs, { identity, tree: later }).missing).toEqual([]);
      },
    ),
    { numRuns: 120, seed: 8 },
  );
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(20);
}, 240_000);

/** What `pveum` would do. */
function grant(state: SimState, command: string): void {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  if (words[1] === 'role') {
    state.roles[words[3] ?? ''] = (words[5] ?? '').split(',');
    return;
  }
  const roleid = words.at(-1) ?? '';
  const path = words[3] ?? '';
  const add = (type: 'user' | 'token', ugid: string | undefined): void => {
    if (ugid !== undefined) state.acls.push({ path, type, ugid, roleid, propagate: true });
  };
  add('user', words[words.indexOf('--users') + 1]);
  if (words.includes('--tokens')) add('token', words[words.indexOf('--tokens') + 1]);
}
