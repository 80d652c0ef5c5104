/** A cluster with many containers, made through the simulator's own API on a clock that needs no time. */
import { createSimulator, type SimState } from '../../src/simulator/index.ts';
import { manualClock } from '../../src/util/clock.ts';
import { call, waitTask } from './simulator.ts';

/** A state to begin with, and what a client must know of it. */
export interface CrowdedState {
  readonly state: SimState;
  readonly node: string;
  readonly vmids: readonly number[];
  readonly template: string;
}

/**
 * Makes running containers `load-VMID`.
 *
 * @param count - how many.
 * @param nowMs - time of the new cluster, ms since the epoch.
 * @throws Error when one cannot be made.
 */
export async function crowdedState(count: number, nowMs: number): Promise<CrowdedState> {
  const sim = createSimulator({ seed: 'small', clock: manualClock({ start: nowMs - 3_600_000 }) });
  const template =
    Object.values(sim.state.volumes).find(({ volid }) => volid.includes('alpine'))?.volid ?? '';
  const vmids = Array.from({ length: count }, (_, index) => 1000 + index);
  const first = vmids[0] as number;
  const finish = async (path: string, params: Record<string, string | number>): Promise<void> => {
    const started = await call(sim, { method: 'POST', path, params });
    if (started.status !== 200) throw new Error(`${path}: ${started.text}`);
    const { exitstatus } = await waitTask(sim, started.data);
    if (exitstatus !== 'OK') throw new Error(`${path}: ${exitstatus}`);
  };
  await finish('/nodes/pve1/lxc', {
    vmid: first,
    ostemplate: template,
    rootfs: 'local-lvm:1',
    memory: 256,
    swap: 128,
    cores: 1,
    net0: 'name=eth0,bridge=vmbr0,ip=dhcp',
    hostname: `load-${first}`,
    tags: 'load;test',
  });
  for (const vmid of vmids.slice(1))
    await finish(`/nodes/pve1/lxc/${first}/clone`, { newid: vmid, hostname: `load-${vmid}`, full: 1 });
  for (const vmid of vmids) await finish(`/nodes/pve1/lxc/${vmid}/status/start`, {});
  return { state: sim.exportState(), node: 'pve1', vmids, template };
}
