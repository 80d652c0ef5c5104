import { describe, expect, test } from 'vitest';
import type { ActualContainer } from '../../../src/domain/actual.ts';
import type { Need, TagRules } from '../../../src/domain/config-rights.ts';
import { grantCommands, judgeRights, rightsRefusals } from '../../../src/domain/judge-rights.ts';
import { type PermissionTree, privilegesOn } from '../../../src/domain/permission-tree.ts';
import type { Action } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/domain/plan-fleet.ts';
import { rightsOf, rightsTable } from '../../../src/domain/rights.ts';
import { loadSchema } from '../../../src/schema/load.ts';
import type { ApiRequest } from '../../../src/schema/request.ts';
import type { PermissionCheck } from '../../../src/schema/types.ts';
import { actual, desired, fleetOf, policyOf, snapshotOf } from '../../support/builders.ts';

describe('privilegesOn', () => {
  const tree: PermissionTree = {
    '/': { 'VM.Audit': 1, 'Sys.Modify': 0 },
    '/vms/100': { 'VM.Allocate': 0 },
    '/storage': { 'Datastore.Audit': 1 },
    '/pool/lab': { 'VM.Clone': 0 },
    '/sdn/zones/zone1': { 'SDN.Use': 1 },
  };
  test.each([
    ['/', ['Sys.Modify', 'VM.Audit']],
    ['/vms', ['VM.Audit']],
    ['/vms/101', ['VM.Audit']],
    ['/vms/100', ['VM.Allocate']],
    ['/storage/local', ['Datastore.Audit']],
    ['/sdn/zones/localnetwork/vmbr0', ['VM.Audit']],
    // an entry that does not propagate is none for what lies below
    ['/pool/lab/sub', ['VM.Audit']],
    ['/sdn/zones/*/vnet1/7', ['SDN.Use']],
    ['/sdn/zones/*/vmbr0', ['SDN.Use']],
  ])('%s', (path, want) => {
    expect([...privilegesOn(tree, path)].sort()).toEqual(want);
  });

  test('without the entries of the path itself', () => {
    expect([...privilegesOn(tree, '/vms/100', { inherited: true })]).toEqual(['VM.Audit']);
  });
});

const request = (operation: string, params: ApiRequest['params']): Action => {
  const [method, path] = operation.split(' ') as [ApiRequest['method'], string];
  return {
    id: 'web01/x',
    kind: 'container.configure',
    target: { key: 'web01', vmid: 101, node: 'pve1' },
    request: { method, path, params: { node: 'pve1', vmid: 101, ...params } },
    completes: 'now',
    changes: [],
    risk: 'safe',
    reason: '',
    precondition: { kind: 'none' },
    dependsOn: [],
  };
};

/** `/vms/101 VM.Allocate`, alternatives with ` | `, rights that belong together with ` & `; root@pam alone: `root`. */
const spell = ({ oneOf }: Need): string =>
  oneOf.length === 0
    ? 'root'
    : oneOf
        .map((set) =>
          set.map(({ path, privilege, inherited }) => `${path}${inherited ? '^' : ''} ${privilege}`),
        )
        .map((set) => set.join(' & '))
        .join(' | ');
const needsOf = (
  actions: readonly Action[],
  containers: readonly ActualContainer[] = [],
  tagRules?: TagRules,
): string[] =>
  rightsOf(actions, {
    containers: new Map(containers.map((one) => [one.vmid, one])),
    ...(tagRules ? { tagRules } : {}),
  })
    .flatMap(({ needs }) => needs)
    .map(spell);

const lxc = '/nodes/{node}/lxc/{vmid}';
const anyConfig =
  '/vms/101 VM.Config.Options | /vms/101 VM.Config.Network | /vms/101 VM.Config.Memory | /vms/101 VM.Config.CPU | /vms/101 VM.Config.Disk';
const audit = '/vms/101 VM.Audit';
const web = actual('web01', 101, {
  pool: 'old',
  config: {
    net0: 'name=eth0,bridge=vmbr0,tag=7',
    features: 'nesting=1',
    mp0: 'big:vm-101-disk-1,mp=/d,size=1G',
    tags: 'a',
  },
});
const privileged = actual('web01', 101, { config: { unprivileged: 0 } });

describe('rights of a change of the config', () => {
  test.each<[string, ApiRequest['params'], string[]]>([
    ['limits', { memory: 512, swap: 0, cores: 2 }, ['/vms/101 VM.Config.Memory', '/vms/101 VM.Config.CPU']],
    ['options', { onboot: true }, ['/vms/101 VM.Config.Options']],
    ['names', { hostname: 'x', nameserver: '1.1.1.1' }, ['/vms/101 VM.Config.Network']],
    [
      'a key that is deleted',
      { delete: 'cores,nameserver' },
      ['/vms/101 VM.Config.CPU', '/vms/101 VM.Config.Network'],
    ],
    ['a key that is reverted', { revert: 'swap' }, ['/vms/101 VM.Config.Memory']],
    [
      'another bridge, and the one that it leaves',
      { net0: 'name=eth0,bridge=vmbr1' },
      [
        '/vms/101 VM.Config.Network',
        '/sdn/zones/localnetwork/vmbr0/7 SDN.Use',
        '/sdn/zones/localnetwork/vmbr1 SDN.Use',
      ],
    ],
    [
      'a bridge whose zone is not known, with trunks',
      { net1: 'name=eth1,bridge=vnet1,trunks=3;4' },
      [
        '/vms/101 VM.Config.Network',
        '/sdn/zones/localnetwork/vnet1/3 SDN.Use | /sdn/zones/*/vnet1/3 SDN.Use',
        '/sdn/zones/localnetwork/vnet1/4 SDN.Use | /sdn/zones/*/vnet1/4 SDN.Use',
      ],
    ],
    [
      'a new volume',
      { mp1: 'big:8,mp=/x' },
      ['/vms/101 VM.Config.Disk', '/storage/big Datastore.AllocateSpace'],
    ],
    ['its own volume', { mp0: 'big:vm-101-disk-1,mp=/d,ro=1' }, ['/vms/101 VM.Config.Disk']],
    [
      "another container's volume",
      { mp1: 'big:vm-105-disk-0,mp=/x' },
      [
        '/vms/101 VM.Config.Disk',
        '/storage/big Datastore.Audit & /vms/105 VM.Config.Disk | /storage/big Datastore.Allocate',
      ],
    ],
    ['a directory of the node', { mp1: '/srv,mp=/x' }, ['/vms/101 VM.Config.Disk', 'root']],
    ['a device', { dev0: '/dev/fuse' }, ['root']],
    ['a device that goes', { delete: 'dev0' }, ['root']],
    ['a hook script', { hookscript: 'local:snippets/x.sh' }, ['root']],
    ['nesting off', { features: 'nesting=0' }, ['/vms/101 VM.Allocate']],
    ['nesting taken away', { delete: 'features' }, ['/vms/101 VM.Allocate']],
    ['keyctl beside nesting', { features: 'nesting=1,keyctl=1' }, ['root']],
    ['features as they are', { features: 'nesting=1' }, []],
  ])('%s', (_name, params, want) => {
    expect(needsOf([request(`PUT ${lxc}/config`, { ...params, digest: 'x' })], [web])).toEqual([
      ...want,
      anyConfig,
      audit,
    ]);
  });

  test('any feature of a privileged container is for root@pam', () => {
    const put = request(`PUT ${lxc}/config`, { features: 'nesting=1' });
    expect(needsOf([put], [privileged])).toContain('root');
  });

  test.each<[string, TagRules | undefined, string, boolean]>([
    ['no rules', undefined, 'a;b', false],
    ['a free tag', { free: true, allowed: [], registered: ['prod'] }, 'a;b', false],
    ['a registered tag', { free: true, allowed: [], registered: ['b'] }, 'a;b', true],
    ['a registered tag that stays', { free: true, allowed: [], registered: ['a'] }, 'a;b', false],
    ['a tag off the list', { free: false, allowed: ['c'], registered: [] }, 'a;b', true],
    ['a tag on the list', { free: false, allowed: ['b'], registered: [] }, 'a;b', false],
  ])('tags: %s', (_name, rules, tags, isGuarded) => {
    const needs = needsOf([request(`PUT ${lxc}/config`, { tags })], [web], rules);
    expect(needs).toContain('/vms/101 VM.Config.Options');
    expect(needs.includes('/ Sys.Modify')).toBe(isGuarded);
  });
});

describe('rights of other calls', () => {
  test.each<[string, Action, string[]]>([
    [
      'creation in a pool: the pool will do, but for the tag',
      request('POST /nodes/{node}/lxc', {
        pool: 'lab',
        ostemplate: 'local:vztmpl/x.tar.zst',
        rootfs: 'big:8',
        tags: 'pvefleet',
        unprivileged: false,
      }),
      [
        '/ Sys.Modify',
        '/pool/lab VM.Allocate | /vms/101 VM.Allocate',
        '/pool/lab VM.Config.Disk | /vms/101 VM.Config.Disk',
        '/storage/big Datastore.AllocateSpace',
        '/vms/101 VM.Config.Options',
        '/storage/local Datastore.Audit | /storage/local Datastore.AllocateSpace | /storage/local Datastore.Allocate',
        '/pool/lab VM.Audit | /vms/101 VM.Audit',
      ],
    ],
    [
      'restore',
      request('POST /nodes/{node}/lxc', { ostemplate: 'bak:backup/vzdump-lxc-105-x.tar.zst', restore: true }),
      [
        '/vms/101 VM.Allocate',
        '/storage/bak Datastore.AllocateSpace & /vms/105 VM.Backup | /storage/bak Datastore.Allocate',
        '/storage/local Datastore.AllocateSpace',
        audit,
      ],
    ],
    ['removal', request(`DELETE ${lxc}`, {}), ['/vms/101 VM.Allocate']],
    ['start', request(`POST ${lxc}/status/start`, {}), ['/vms/101 VM.PowerMgmt', audit]],
    [
      'skiplock',
      request(`POST ${lxc}/status/stop`, { skiplock: true }),
      ['/vms/101 VM.PowerMgmt', 'root', audit],
    ],
    [
      'growing a disk',
      request(`PUT ${lxc}/resize`, { disk: 'mp0', size: '2G' }),
      [
        '/vms/101 VM.Config.Disk',
        '/vms/101 VM.Config.Options',
        '/storage/big Datastore.AllocateSpace',
        audit,
      ],
    ],
    [
      'a clone',
      request(`POST ${lxc}/clone`, { newid: 200, storage: 'fast', pool: 'lab' }),
      [
        '/vms/101 VM.Clone',
        '/pool/lab VM.Allocate | /vms/200 VM.Allocate',
        '/storage/fast Datastore.AllocateSpace',
        '/sdn/zones/localnetwork/vmbr0/7 SDN.Use',
        '/pool/lab VM.Audit | /vms/200 VM.Audit',
      ],
    ],
    [
      'moving a volume',
      request(`POST ${lxc}/move_volume`, { volume: 'mp0', storage: 'fast' }),
      ['/vms/101 VM.Config.Disk', '/storage/fast Datastore.AllocateSpace', audit],
    ],
    ['migration', request(`POST ${lxc}/migrate`, { target: 'pve2' }), ['/vms/101 VM.Migrate', audit]],
    [
      'roll-back',
      request(`POST ${lxc}/snapshot/{snapname}/rollback`, { snapname: 's' }),
      ['/vms/101 VM.Snapshot | /vms/101 VM.Snapshot.Rollback', audit],
    ],
    ['a firewall rule', request(`POST ${lxc}/firewall/rules`, {}), ['/vms/101 VM.Config.Network', audit]],
    ['HA', request('POST /cluster/ha/resources', { sid: 'ct:101' }), ['/ Sys.Console']],
    [
      'moving to a pool',
      request('PUT /pools', { poolid: 'lab', vms: '101', 'allow-move': true }),
      [
        '/pool/lab Pool.Allocate',
        '/vms/101 VM.Allocate | /vms/101 Permissions.Modify',
        '/pool/old Pool.Allocate | /pool/old Permissions.Modify',
        audit,
      ],
    ],
    [
      'leaving a pool',
      request('PUT /pools', { poolid: 'old', vms: '101', delete: true }),
      ['/pool/old Pool.Allocate', '/vms/101 VM.Allocate | /vms/101 Permissions.Modify', audit],
    ],
    [
      'a template from a URL',
      request('POST /nodes/{node}/storage/{storage}/download-url', { storage: 'local' }),
      [
        '/storage/local Datastore.AllocateTemplate',
        '/storage/local Datastore.Audit | /storage/local Datastore.AllocateSpace',
        '/nodes/pve1 Sys.AccessNetwork | / Sys.Audit & / Sys.Modify',
      ],
    ],
    [
      'a console',
      request('POST /nodes/{node}/lxc/{vmid}/termproxy', {}),
      ['/vms/101 VM.Console', '/vms/101 VM.Audit'],
    ],
    ['what has no row', request('POST /nodes/{node}/lxc/{vmid}/spiceproxy', {}), []],
    ['what has no permissions', request('POST /nodes/{node}/execute', {}), ['root']],
  ])('%s', (_name, action, want) => {
    expect(needsOf([action], [web])).toEqual(want);
  });

  test('after a destruction what holds on the id itself is gone', () => {
    const needs = needsOf(
      [
        request(`DELETE ${lxc}`, {}),
        request('POST /nodes/{node}/lxc', { ostemplate: 'local:vztmpl/x', rootfs: 'big:8' }),
        request(`POST ${lxc}/status/start`, {}),
      ],
      [web],
    );
    expect(needs[0]).toBe('/vms/101 VM.Allocate');
    expect(needs).toContain('/vms/101^ VM.Allocate');
    expect(needs).toContain('/vms/101^ VM.PowerMgmt');
  });

  test('after a creation in a pool the rights on the pool count', () => {
    const create = request('POST /nodes/{node}/lxc', {
      ostemplate: 'local:vztmpl/x',
      rootfs: 'big:8',
      pool: 'lab',
    });
    expect(needsOf([create, request(`POST ${lxc}/status/start`, {})])).toContain(
      '/pool/lab VM.PowerMgmt | /vms/101 VM.PowerMgmt',
    );
  });
});

/** All checks of a permission expression, as `path privilege`; of those that are no simple ones what they come to. */
function checksOf(check: PermissionCheck): string[] {
  // whoever changes his own password is not our case
  if (check[0] === 'userid-param')
    return check[1] === 'self' ? [] : [`/access/realm/{realm} ${String(check[1])}`];
  if (check[0] === 'userid-group') return (check[1] as string[]).map((name) => `/access/groups ${name}`);
  if (check[0] === 'perm-modify') return [`${String(check[1])} Permissions.Modify`];
  if (check[0] !== 'perm') return check.slice(1).flatMap((part) => checksOf(part as PermissionCheck));
  const [, path, privileges] = check as unknown as [string, string, string[]];
  return privileges.map((privilege) => `${path} ${privilege}`);
}

describe('the table agrees with the schema', () => {
  const { operations } = loadSchema();
  const values = {
    node: 'pve1',
    vmid: '101',
    storage: 'big',
    snapname: 's',
    poolid: 'lab',
    newid: '200',
    pool: 'lab',
    path: '/vms/101',
    userid: 'anna@pve',
    realm: 'pve',
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name as keyof typeof values]);

  test.each(Object.keys(rightsTable))('%s', (operation) => {
    const { permissions } = operations[operation] ?? {};
    expect(permissions).toBeDefined();
    const found = needsOf([request(operation, { ...values, sid: 'ct:101' })], [web]).join(' ');
    for (const check of permissions?.check ? checksOf(permissions.check) : [])
      expect(found).toContain(fill(check));
  });

  test.each(['POST /nodes/{node}/execute', 'POST /nodes/{node}/storage/{storage}/content/{volume}'])(
    '%s has no permissions',
    (operation) => {
      expect(operations[operation]).toBeDefined();
      expect(operations[operation]?.permissions).toBeUndefined();
    },
  );
});

const planOf = (more: Parameters<typeof desired>[1] = {}) =>
  planFleet(fleetOf([desired('web01', { vmid: 101, ...more })]), snapshotOf(), policyOf());
const looking = { 'VM.Audit': 1, 'Datastore.Audit': 1 };

describe('judgement', () => {
  const judge = (plan: ReturnType<typeof planOf>, tree: PermissionTree, identity = 'ci@pve!t') =>
    rightsRefusals('lab', judgeRights(rightsOf(plan.actions, snapshotOf()), { identity, tree }), {
      identity,
      tree,
    });

  test('names action, privilege, path and the commands that grant it', () => {
    const tree = { '/': { ...looking, 'Datastore.AllocateSpace': 1 } };
    expect(judge(planOf(), tree)).toEqual([
      {
        key: 'web01',
        code: 'RIGHTS_MISSING',
        message:
          'ci@pve!t lacks VM.Allocate, VM.Config.CPU, VM.Config.Disk, VM.Config.Memory, VM.Config.Network, VM.Config.Options and VM.PowerMgmt on /vms/101, needed for web01/create and web01/start',
        hint: expect.stringContaining('on a node as root: pveum role add'),
        changes: [],
        commands: [
          "pveum role add FleetGuests --privs 'VM.Allocate,VM.Audit,VM.Config.CPU,VM.Config.Disk,VM.Config.Memory,VM.Config.Network,VM.Config.Options,VM.PowerMgmt'",
          "pveum acl modify /vms --users 'ci@pve' --tokens 'ci@pve!t' --roles FleetGuests",
        ],
      },
    ]);
  });

  test('nothing is missing for root@pam, nor for who holds everything', () => {
    const everything = Object.fromEntries(
      ['VM.Allocate', 'VM.PowerMgmt', 'VM.Audit', 'Datastore.AllocateSpace']
        .concat(['CPU', 'Disk', 'Memory', 'Network', 'Options'].map((kind) => `VM.Config.${kind}`))
        .map((name) => [name, 1]),
    );
    expect(judge(planOf(), { '/': everything }, 'x@pve')).toEqual([]);
    expect(judge(planOf({ devices: { '/dev/fuse': {} } }), {}, 'root@pam')).toEqual([]);
  });

  test.each([
    ['root@pam!ci', 'impossible with the token root@pam!ci'],
    ['admin@pve', 'not admin@pve'],
  ])('%s may not do what root@pam alone may', (identity, words) => {
    const plan = planOf({
      features: { nesting: true, keyctl: true },
      devices: { '/dev/fuse': {} },
      mounts: { '/srv': { source: '/tank' } },
      options: { hookscript: 'local:snippets/x' },
    });
    const [refusal] = judge(plan, {}, identity).filter(({ code }) => code === 'ROOT_ONLY');
    expect(refusal).toMatchObject({
      key: 'web01',
      vmid: 101,
      hint: expect.stringContaining('PVEFLEET_PASSWORD'),
    });
    expect(refusal?.message).toContain(words);
    for (const field of ['features.keyctl', 'devices./dev/fuse', 'mounts./srv', 'hookscript'])
      expect(refusal?.message).toContain(field);
    expect(refusal?.changes.map(({ needs }) => needs)).toEqual(Array(4).fill('root@pam'));
  });

  test('only the changes that need root@pam say so', () => {
    const [create] = planOf({ features: { nesting: true }, mounts: { '/srv': { source: '/tank' } } }).actions;
    const labelled = create?.changes.filter(({ needs }) => needs !== undefined).map(({ field }) => field);
    expect(labelled).toEqual(['mounts./srv']);
  });

  test('one refusal for many containers, of the fleet', () => {
    const keys = Array.from({ length: 30 }, (_, index) => desired(`ct${index + 1}`));
    const plan = planFleet(fleetOf(keys), snapshotOf(), policyOf());
    const refusals = judge(plan, { '/': looking });
    expect(refusals.map(({ key }) => key)).toEqual(['lab', 'lab']);
    expect(refusals[1]?.message).toMatch(
      /on \/vms\/100, \/vms\/101, \/vms\/102 and 27 more, needed for ct1\/create/,
    );
  });

  test('an id with entries of its own gets its grant there, and each set of rights a role of its own', () => {
    const tree = { '/': looking, '/vms/101': { 'VM.Audit': 1, 'VM.Console': 1 }, '/vms': { 'VM.Audit': 1 } };
    const both = planFleet(
      fleetOf([desired('a', { vmid: 101 }), desired('b', { vmid: 102 })]),
      snapshotOf(),
      policyOf(),
    );
    const account = { identity: 'x@pve', tree };
    const commands = grantCommands(
      judgeRights(rightsOf(both.actions, snapshotOf()), account).missing,
      account,
    );
    expect(commands.filter((command) => command.includes('Guests'))).toEqual([
      expect.stringMatching(/role add FleetGuests --privs '.*VM\.Config\.Options,VM\.PowerMgmt'/),
      expect.stringMatching(/role add FleetGuests2 --privs '.*VM\.Console/),
      "pveum acl modify /vms --users 'x@pve' --roles FleetGuests",
      "pveum acl modify /vms/101 --users 'x@pve' --roles FleetGuests2",
    ]);
  });
});
