/** Rights that a reset needs are told before anything is destroyed; those that it has given back hold. */
import { expect, test } from 'vitest';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeResetPlan, proveReset } from '../../../src/engine/lab/reset.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { build, classOf, ct, damage, identity, student, troubles } from '../../support/lab.ts';

const everything = policyOf({ all: true });
const file = classOf(student('a', { rootfs: { storage: 'shared', sizeBytes: GiB }, pool: 'lab' }));

/** A class whose student has a role, and somebody who has this one on the pool. */
async function withAccount(roleid: string, privileges: readonly string[]): Promise<TestEngine> {
  const engine = makeEngine();
  await build(engine, file);
  const { state } = engine.simulator;
  const { vmid } = ct(engine, 'a');
  state.acls.push({
    path: `/vms/${vmid}`,
    type: 'user',
    ugid: 'student@pve',
    roleid: 'PVEVMUser',
    propagate: true,
  });
  state.roles[roleid] = [...privileges];
  const grant = (path: string): void => {
    state.acls.push({ path, type: 'user', ugid: 'instructor@pve', roleid, propagate: true });
  };
  for (const path of ['/pool/lab', '/storage/shared', '/storage/local', '/sdn/zones/localnetwork/vmbr0'])
    grant(path);
  // tags of a new container are judged without its pool
  state.roles['Tagger'] = ['VM.Audit', 'VM.Config.Options'];
  state.acls.push({ path: '/vms', type: 'user', ugid: 'instructor@pve', roleid: 'Tagger', propagate: true });
  state.acls.push({ path: '/', type: 'user', ugid: 'instructor@pve', roleid: 'PVEAuditor', propagate: true });
  return engine.again({
    auth: { kind: 'ticket', username: 'instructor@pve', password: 'instructor-password' },
  });
}

const config = ['CPU', 'Disk', 'Memory', 'Network', 'Options'].map((one) => `VM.Config.${one}`);
const enough = [
  'VM.Allocate',
  'VM.Audit',
  'VM.PowerMgmt',
  'VM.Console',
  'VM.Backup',
  'VM.Config.CDROM',
  'VM.Config.Cloudinit',
  'VM.GuestAgent.Audit',
  'VM.Snapshot',
  ...config,
  'Pool.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.Audit',
  'SDN.Use',
];

test('whoever has the rights of the student may give them again', async () => {
  const engine = await withAccount('Lab', enough);
  const { vmid } = ct(engine, 'a');
  const before = identity(engine, vmid);
  damage(engine, ct(engine, 'a'));
  const done = await makeResetPlan(engine.context, file, { names: [] }, {}, everything);
  expect(done.plan.refusals).toEqual([]);
  expect(troubles(await applyPlan(engine.context, done.plan))).toEqual([]);
  expect((await proveReset(engine.context, file, done)).findings).toEqual([]);
  expect(identity(engine, vmid)).toEqual(before);
});

test('who has not is told before anything is destroyed', async () => {
  const engine = await withAccount(
    'Lab',
    enough.filter((one) => one !== 'VM.Console'),
  );
  const { plan } = await makeResetPlan(engine.context, file, { names: [] }, {}, everything);
  expect(plan.refusals).toMatchObject([
    { code: 'RIGHTS_MISSING', message: expect.stringMatching(/Permissions\.Modify.*needed for a\/acl/) },
  ]);
});
