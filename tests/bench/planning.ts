/** What planning a large fleet costs that is already there: requests, time and memory. In one process, without sockets. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { applyPlan } from '../../src/engine/apply.ts';
import { makePlan } from '../../src/engine/plan.ts';
import type { SimContainer, SimState } from '../../src/simulator/model/state.ts';
import { fleet, makeEngine, many, policyOf } from '../support/engine.ts';

/** What one plan took. */
export interface PlanningCost {
  readonly containers: number;
  readonly requests: number;
  readonly seconds: number;
  /** What the plan and the observation behind it hold, in MiB of the heap. */
  readonly heldMiB: number;
  /** Containers that the plan would change: none. */
  readonly changes: number;
}

const nodes = ['pve1', 'pve2', 'pve3'];
const firstVmid = 10_000;

const nodeOf = (index: number): string => nodes[index % nodes.length] as string;

function macOf(index: number): string {
  const [a, b] = [index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase());
  return `BC:24:11:00:${a}:${b}`;
}

/** Copies of a container that the engine has made, one for each of the fleet. */
function multiply(state: SimState, model: SimContainer, count: number): void {
  delete state.containers[model.vmid];
  for (let index = 0; index < count; index += 1) {
    const copy = structuredClone(model);
    copy.vmid = firstVmid + index;
    copy.node = nodeOf(index);
    const { config } = copy;
    config['hostname'] = `ct${index + 1}`;
    config['description'] = (config['description'] ?? '').replace(/key=\S+/, `key=ct${index + 1}`);
    config['rootfs'] = `local-lvm:vm-${copy.vmid}-disk-0,size=4G`;
    config['net0'] = (config['net0'] ?? '').replace(/hwaddr=[^,]+/, `hwaddr=${macOf(index)}`);
    state.containers[copy.vmid] = copy;
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/**
 * Plans a fleet that is there already.
 *
 * @param count - containers of the fleet.
 */
export async function measurePlanning(count: number): Promise<PlanningCost> {
  const engine = makeEngine();
  const first = await makePlan(engine.context, fleet(many(1)), policyOf());
  await applyPlan(engine.context, first.plan);
  const { state, journal } = engine.simulator;
  const [model] = Object.values(state.containers);
  if (!model) throw new Error('the model container was not made');
  multiply(state, model, count);
  const file = fleet(
    many(count).map((one, index) => ({ ...one, node: nodeOf(index) })),
    { vmids: { from: firstVmid, to: firstVmid + count - 1 } },
  );
  const fresh = engine.again();
  journal.length = 0;
  const collect = collector();
  collect();
  const before = process.memoryUsage().heapUsed;
  const startedAt = performance.now();
  const { plan, snapshot } = await makePlan(fresh.context, file, policyOf());
  const seconds = (performance.now() - startedAt) / 1000;
  const requests = journal.length;
  journal.length = 0; // the simulator's, not the planner's
  collect();
  const heldMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  return { containers: snapshot.containers.size, requests, seconds, heldMiB, changes: plan.actions.length };
}
