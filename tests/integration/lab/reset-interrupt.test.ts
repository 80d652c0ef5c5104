/** A reset that is cut off at any request is completed by running it again, and everything is as before. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makeResetPlan, proveReset } from '../../../src/engine/lab/reset.ts';
import { type ResetRecord, resetRecordIn, underRecord } from '../../../src/engine/lab/reset-record.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { SimState } from '../../../src/simulator/index.ts';
import { GiB } from '../../../src/util/bytes.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import {
  auto,
  build,
  classOf,
  cloned,
  ct,
  damage,
  golden,
  identity,
  isDamaged,
  type SimContainer,
  student,
  troubles,
} from '../../support/lab.ts';

const everything = policyOf({ all: true });
const everyone = { names: [] };

/** What `reset` does, with its record; an interruption by the user ends it as in the command line. */
async function run(engine: TestEngine, file: DesiredFleet, record: ResetRecord): Promise<unknown[]> {
  const { context } = engine;
  try {
    const made = await makeResetPlan(
      context,
      file,
      everyone,
      { unfinished: await record.read() },
      everything,
    );
    expect(made.plan.refusals).toEqual([]);
    const report = await underRecord(record, made.kept, () => applyPlan(context, made.plan));
    if (engine.drain.signal.aborted) return ['interrupted'];
    const { findings } = await proveReset(context, file, made);
    return [...troubles(report), ...findings];
  } catch (error) {
    if (!engine.detach.signal.aborted) throw error;
    return ['interrupted'];
  }
}

/** The file has no MAC addresses, no rights, no pools, and says of one container neither power nor HA. */
const file = classOf(
  golden(),
  student('back', { power: 'unmanaged' }),
  student('made', { rootfs: { storage: 'shared', sizeBytes: GiB }, power: 'unmanaged' }),
  cloned('copy', { reset: { ...auto, strategy: 'reclone' } }),
);
const names = ['back', 'made', 'copy'];

async function damagedClass(): Promise<{ state: SimState; ids: number[]; before: unknown[] }> {
  const engine = makeEngine();
  await build(engine, file);
  const { state } = engine.simulator;
  const ids = names.map((name) => ct(engine, name).vmid);
  for (const vmid of ids) {
    const path = `/vms/${vmid}`;
    state.acls.push({ path, type: 'user', ugid: 'student@pve', roleid: 'PVEVMUser', propagate: true });
    state.pools['lab']?.vms.push(vmid);
  }
  const { pve } = engine.context;
  for (const name of ['back', 'made']) {
    const { vmid, node } = ct(engine, name);
    if (!state.containers[vmid]?.runtime)
      await pve.waitTask(await pve.post('/nodes/{node}/lxc/{vmid}/status/start', { node, vmid }));
    await pve.post('/cluster/ha/resources', { sid: `ct:${vmid}`, state: 'started', max_restart: 3 });
  }
  const before = ids.map((vmid) => identity(engine, vmid));
  for (const vmid of ids) damage(engine, state.containers[vmid] as SimContainer);
  return { state: engine.simulator.exportState(), ids, before };
}

type Mode = 'drain' | 'detach' | 'crash';

/** Lets a reset run until a request, and tells the methods of those that there were. */
async function cutOff(
  state: SimState,
  mode: Mode,
  at: number,
  record: ResetRecord,
): Promise<{ engine: TestEngine; methods: string[] }> {
  const engine = makeEngine({ seed: state });
  const { simulator, drain, detach } = engine;
  const fetch = simulator.fetch.bind(simulator);
  const methods: string[] = [];
  simulator.fetch = (request) => {
    methods.push(request.method);
    if (methods.length === at) {
      drain.abort(new Error('interrupted'));
      if (mode !== 'drain') detach.abort(new Error('gone'));
    }
    return fetch(request);
  };
  // whoever is killed does not tidy up
  const writing: ResetRecord = {
    read: () => record.read(),
    write: async (kept) => {
      if (mode !== 'crash' || !detach.signal.aborted) await record.write(kept);
    },
  };
  await run(engine, file, writing);
  simulator.fetch = fetch;
  return { engine, methods };
}

/**
 * Requests at which it matters to be gone: each that writes, and those after it, when its answer is known. What is read
 * further changes nothing, there or here.
 */
const atWrites = (methods: readonly string[]): number[] => [
  1,
  ...methods.flatMap((_, index) =>
    methods.slice(Math.max(0, index - 2), index + 1).some((method) => method !== 'GET') ? [index + 1] : [],
  ),
  methods.length,
];
const every =
  (first: number, step: number) =>
  (methods: readonly string[]): number[] =>
    methods.map((_, index) => first + index * step).filter((at) => at <= methods.length);

const recordIn = (folder: string, name: string): ResetRecord =>
  resetRecordIn(join(folder, 'deep', `${name}.json`));

test.each<[Mode, (methods: readonly string[]) => number[]]>([
  ['drain', every(1, 9)],
  ['detach', every(2, 5)],
  ['crash', atWrites],
])(
  'cut off by %s',
  async (mode, pointsOf) => {
    const { state, ids, before } = await damagedClass();
    const folder = mkdtempSync(join(tmpdir(), 'pvefleet-reset-'));
    const whole = await cutOff(state, mode, Number.POSITIVE_INFINITY, recordIn(folder, 'whole'));
    const points = new Set(pointsOf(whole.methods));
    expect(points.size).toBeGreaterThan(10);
    for (const at of points) {
      const record = recordIn(folder, `${mode}-${at}`);
      const { engine } = await cutOff(state, mode, at, record);
      const where = `${mode} at request ${at} of ${whole.methods.length}`;
      // who only asks for an end leaves nobody without a container
      if (mode === 'drain')
        expect(
          ids.filter((vmid) => !engine.simulator.state.containers[vmid]),
          where,
        ).toEqual([]);
      const again = engine.again();
      expect(await run(again, file, record), where).toEqual([]);
      const { containers } = engine.simulator.state;
      expect(
        ids.map((vmid) => identity(engine, vmid)),
        where,
      ).toEqual(before);
      expect(
        ids.map((vmid) => isDamaged(engine, containers[vmid] as SimContainer)),
        where,
      ).toEqual([false, false, false]);
      expect(await record.read(), where).toEqual([]);
      const { plan } = await makePlan(again.context, file, everything);
      expect(
        plan.actions.map(({ id }) => id),
        where,
      ).toEqual([]);
    }
  },
  300_000,
);
