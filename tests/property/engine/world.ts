/** A cluster with a history, what goes wrong in it, and what must hold nevertheless. */
import { expect } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { applyPlan } from '../../../src/engine/apply.ts';
import { makePlan } from '../../../src/engine/plan.ts';
import type { ApplyReport } from '../../../src/engine/report.ts';
import { verify } from '../../../src/engine/verify.ts';
import type { SimState } from '../../../src/simulator/index.ts';
import { InternalError, isPvefleetError } from '../../../src/util/errors.ts';
import { makeEngine, policyOf, type TestEngine } from '../../support/engine.ts';
import { type Deed, type Foreign, type Interruption, type Scenario, secret } from './arbitraries.ts';

type SimContainer = SimState['containers'][number];

const everything = policyOf({ all: true });
const ourTag = 'pvefleet';

/** Puts somebody else's guest into the state; the quick way, because hundreds are made. */
function addForeign(state: SimState, { vmid, kind, hostname, running }: Foreign): void {
  if (kind === 'machine') {
    state.vms[vmid] = { vmid, node: 'pve1', name: hostname, status: 'stopped', config: {} };
    return;
  }
  const volid = `local-lvm:vm-${vmid}-disk-0`;
  const config: Record<string, string> = {
    arch: 'amd64',
    hostname,
    memory: '512',
    ostype: 'debian',
    rootfs: `${volid},size=4G`,
    swap: '512',
    unprivileged: '1',
    ...(kind === 'theirs'
      ? {
          tags: ourTag,
          description: `<!-- pvefleet fleet=theirs key=${hostname} spec=sha256:${'0'.repeat(64)} -->\n`,
        }
      : {}),
  };
  state.containers[vmid] = {
    vmid,
    node: 'pve1',
    config,
    pending: {},
    pendingDelete: {},
    snapshots: {},
    runtime: running
      ? {
          pid: 5000 + vmid,
          startedAtMs: 0,
          memoryMiB: 512,
          swapMiB: 512,
          cpuLimit: '0',
          cpuUnits: 100,
          ignoresShutdown: false,
        }
      : null,
    createdAtMs: 0,
    raw: [],
  };
  state.volumes[`pve1|${volid}`] = {
    volid,
    storage: 'local-lvm',
    node: 'pve1',
    content: 'rootdir',
    format: 'raw',
    sizeBytes: 4 * 1024 ** 3,
    usedBytes: 1024 ** 3,
    ctime: 0,
    vmid,
    snapshots: [],
  };
}

const ownersLine = /<!-- pvefleet fleet=lab key=(\S+) /;

/** Containers that carry our line, by key. */
function oursByKey(state: SimState): Map<string, SimContainer[]> {
  const found = new Map<string, SimContainer[]>();
  for (const one of Object.values(state.containers)) {
    const key = ownersLine.exec(one.config['description'] ?? '')?.[1];
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), one]);
  }
  return found;
}

/** What the server itself leaves when it loses its quorum in the middle of a creation; a person has to remove it. */
function isHusk({ config, vmid }: SimContainer, { tasks, volumes }: SimState): boolean {
  // PVE: the task of a clone has the id of its source
  const isBusy = Object.values(tasks).some(
    ({ id, type, status }) => status === 'running' && (id === String(vmid) || type === 'vzclone'),
  );
  if (isBusy) return false;
  const hasDisk = Object.values(volumes).some((volume) => volume.vmid === vmid);
  return config['lock'] === 'create' || (config['rootfs'] !== undefined && !hasDisk);
}

/** What one run of the command came to. */
interface Run {
  readonly plan?: Plan;
  readonly report?: ApplyReport;
  readonly error?: unknown;
}

/** One cluster and the people at it. */
interface World {
  readonly engine: TestEngine;
  /** Plan and apply once; whatever stops it is an answer too. */
  run(fleet: DesiredFleet, interruption?: Interruption): Promise<Run>;
  /** Lets the trouble begin. */
  begin(scenario: Scenario): void;
  /** Ends everything that goes wrong. */
  end(): Promise<void>;
  /** All that was shown or written so far. */
  output(): string;
}

/** Builds a cluster with other people's guests. */
function makeWorld(foreign: readonly Foreign[]): World {
  const engine = makeEngine();
  const { simulator, clock } = engine;
  const { state } = simulator;
  for (const guest of foreign) addForeign(state, guest);
  const shown: string[] = [];
  const repairs: (() => void)[] = [];
  const underWay = new Set<Promise<Response>>();
  const ended = async (answer: Promise<Response>): Promise<void> => {
    underWay.add(answer);
    await Promise.allSettled([answer]);
    underWay.delete(answer);
  };
  let requests = 0;
  let deeds: readonly Deed[] = [];
  let keys: ReadonlySet<string> = new Set();
  let interrupt: { readonly at: number; readonly strike: () => void } | undefined;

  const undoLater = (forMs: number, repair: () => void): void => {
    let done = false;
    const once = (): void => {
      if (!done) repair();
      done = true;
    };
    repairs.push(once);
    void clock.sleep(forMs).then(once);
  };
  const perform = ({ what, who, forMs }: Deed): void => {
    if (what === 'quorum') {
      state.quorate = false;
      undoLater(forMs, () => {
        state.quorate = true;
      });
      return;
    }
    if (what === 'offline') {
      const node = state.nodes['pve2'];
      if (!node) return;
      node.status = 'offline';
      undoLater(forMs, () => {
        node.status = 'online';
      });
      return;
    }
    const ours = [...oursByKey(state).values()].flat();
    const victim = ours[who % Math.max(1, ours.length)];
    // a person at the console cannot do it either while a job holds the container
    if (!victim || victim.config['lock'] !== undefined) return;
    if (what === 'memory') victim.config['memory'] = '2048';
    if (what === 'notes') victim.config['description'] = `somebody was here\n${victim.config['description']}`;
    // without its tag a container is known by its name in the file; one that left the file is a person's then
    const [, key = ''] = ownersLine.exec(victim.config['description'] ?? '') ?? [];
    if (what === 'tags' && keys.has(key)) delete victim.config['tags'];
    if (what === 'stop') victim.runtime = null;
    if (what === 'start' && !victim.runtime)
      victim.runtime = {
        pid: 9000 + victim.vmid,
        startedAtMs: clock.now(),
        memoryMiB: Number(victim.config['memory']),
        swapMiB: Number(victim.config['swap']),
        cpuLimit: '0',
        cpuUnits: 100,
        ignoresShutdown: false,
      };
    if (what === 'destroy' && !victim.runtime) {
      for (const [key, volume] of Object.entries(state.volumes))
        if (volume.vmid === victim.vmid) delete state.volumes[key];
      delete state.containers[victim.vmid];
    }
    if (what === 'lock') {
      victim.config['lock'] = 'backup';
      undoLater(forMs, () => {
        if (victim.config['lock'] === 'backup') delete victim.config['lock'];
      });
    }
  };

  const fetch = simulator.fetch.bind(simulator);
  simulator.fetch = (request) => {
    requests += 1;
    for (const deed of deeds) if (deed.atRequest === requests) perform(deed);
    if (interrupt?.at === requests) interrupt.strike();
    const answer = fetch(request);
    void ended(answer);
    return answer;
  };

  return {
    engine,
    async run(fleet, interruption) {
      const run = engine.again({
        traceRequests: true,
        resolveSecret: () => Promise.resolve(secret),
        onEvent: (event) => shown.push(JSON.stringify(event)),
      });
      requests = 0;
      interrupt = interruption && {
        at: interruption.atRequest,
        strike: () => {
          run.drain.abort(new Error('interrupted'));
          if (interruption.stage === 'detach') run.detach.abort(new Error('detached'));
        },
      };
      try {
        const { plan } = await makePlan(run.context, fleet, everything);
        shown.push(JSON.stringify(plan));
        const report = await applyPlan(run.context, plan);
        shown.push(JSON.stringify(report));
        return { plan, report };
      } catch (error) {
        if (run.detach.signal.aborted && error === run.detach.signal.reason) return { error };
        // everything that can go wrong outside has an error of its own
        if (!isPvefleetError(error) || error instanceof InternalError) throw error;
        shown.push(JSON.stringify(error.toJSON()), error.message);
        return { error };
      } finally {
        interrupt = undefined;
      }
    },
    begin(scenario) {
      requests = 0;
      deeds = scenario.deeds;
      keys = new Set(scenario.fleet.containers.map(({ key }) => key));
      for (const one of scenario.faults) {
        if (one.kind === 'request') simulator.faults.onRequest(one.match, one.fault);
        else simulator.faults.onTask(one.match, one.fault);
      }
    },
    async end() {
      deeds = [];
      simulator.faults.clear();
      for (const repair of repairs) repair();
      // what an administrator does about them with `pct unlock` and `pct destroy`, as told
      const { state } = simulator;
      for (const one of Object.values(state.containers))
        if (isHusk(one, state)) delete state.containers[one.vmid];
      // a request that a slow network still holds is part of the trouble; tasks are not
      await Promise.allSettled(underWay);
      // the HA manager finishes what it was told, in its own time, and is nobody's task until then
      if (Object.keys(state.haResources).length > 0) await clock.advance(60_000);
    },
    output: () => shown.join('\n'),
  };
}

const factsOf = (state: SimState, { vmid }: Foreign): string =>
  JSON.stringify([
    state.vms[vmid] ?? null,
    state.containers[vmid] ?? null,
    Object.values(state.volumes).filter((volume) => volume.vmid === vmid),
  ]);

/** What is not as it should be after a run that nothing disturbed. */
function complaints({ report, error }: Run): unknown {
  if (!report) return isPvefleetError(error) ? error.toJSON() : error;
  return report.actions
    .filter(({ result }) => result !== 'ok' && result !== 'warnings' && result !== 'unchanged')
    .map(({ id, result, error, log }) => ({ id, result, message: error?.message, log }));
}

/**
 * Plays a scenario and checks everything that must hold.
 *
 * @param scenario - what is there, what is wanted, what goes wrong.
 */
export async function play(scenario: Scenario): Promise<void> {
  const world = makeWorld(scenario.foreign);
  const { engine } = world;
  const { state, journal } = engine.simulator;
  const foreignBefore = scenario.foreign.map((guest) => factsOf(state, guest));
  if (scenario.before) expect(complaints(await world.run(scenario.before))).toEqual([]);

  world.begin(scenario);
  await world.run(scenario.fleet, scenario.interruption);
  await world.end();

  // one more apply, at once: what the first has left running on the server still runs
  expect(complaints(await world.run(scenario.fleet))).toEqual([]);
  const next = await world.run(scenario.fleet);
  expect(next.error).toBeUndefined();
  expect(next.plan?.actions.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([]);
  const proof = await verify(engine.context, scenario.fleet);
  expect(proof.findings).toEqual([]);
  expect(proof.converged).toBe(true);

  const byKey = oursByKey(state);
  expect([...byKey.keys()].sort()).toEqual(scenario.fleet.containers.map(({ key }) => key).sort());
  expect([...byKey.values()].filter((same) => same.length > 1)).toEqual([]);
  expect(Object.keys(state.containers)).toHaveLength(
    byKey.size + scenario.foreign.filter(({ kind }) => kind !== 'machine').length,
  );
  const orphaned = Object.values(state.volumes).filter(
    ({ vmid, content }) => content === 'rootdir' && vmid !== undefined && !state.containers[vmid],
  );
  expect(orphaned).toEqual([]);

  expect(scenario.foreign.map((guest) => factsOf(state, guest))).toEqual(foreignBefore);
  const others = new Set(scenario.foreign.map(({ vmid }) => String(vmid)));
  const intrusions = journal.filter(
    ({ method, template, params, status }) =>
      method !== 'GET' &&
      others.has(String(params['vmid'])) &&
      // a lost race for a free id is refused by the server
      !(template === '/nodes/{node}/lxc' && status !== 200),
  );
  expect(intrusions).toEqual([]);
  expect(world.output()).not.toContain(secret);
  expect(JSON.stringify(journal)).not.toContain(secret);
}
