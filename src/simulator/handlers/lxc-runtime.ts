/**
 * Starting and stopping containers, for all handlers that do (pve-container LXC.pm vm_start, vm_stop, vm_reboot).
 * No handler itself. Callers hold the config lock.
 */
import { lxcFeatures } from '../../schema/generated/formats.gen.ts';
import { die, type HandlerContext, type SimWorker } from '../context.ts';
import { applyStopped } from '../model/apply-changes.ts';
import { lastPlainSystemd, unsetCpuUnits, unsetMemoryMiB } from '../model/defaults.ts';
import { commit, draftOf, mountsOf } from '../model/lxc-config.ts';
import { checkLxcConfig } from '../model/prepare-change.ts';
import { parseProperties } from '../model/property-values.ts';
import type { SimContainer, SimRuntime } from '../model/state.ts';
import { durations, haltMs } from '../model/timing.ts';
import { parseVolumeId } from '../model/volume-names.ts';
import { needVolume } from '../model/volume-operations.ts';
import { findVolume, usableStorage } from '../model/volumes.ts';
import { changeContext, checkLock, isTemplate, lockConfig, needContainer } from './lxc-common.ts';

/** Programs that pass a request to halt on; anything else as entrypoint ignores it. */
const inits = /(^|\/)(init|systemd|openrc-init|tini|dumb-init|runit|s6-svscan)(\s|$)/;

/** Version of systemd in the root file system, where that is known. */
function systemdOf(context: HandlerContext, container: SimContainer): number | undefined {
  const root = mountsOf(container.config).find(([key]) => key === 'rootfs')?.[1];
  const volume = root && findVolume(context.state, container.node, root.volume);
  const version = volume?.meta?.['systemd'];
  return typeof version === 'number' ? version : undefined;
}

/**
 * Warns where systemd will not run well.
 *
 * @param features - value of the key, if set.
 */
export function warnAboutNesting(
  worker: SimWorker,
  systemd: number | undefined,
  features: string | undefined,
): void {
  if (systemd === undefined || systemd <= lastPlainSystemd) return;
  if (parseProperties(lxcFeatures, features ?? '')['nesting'] === '1') return;
  worker.warn(`Systemd ${systemd} detected. You may need to enable nesting.`);
}

/** Applies what waits. Failures are logged and stay pending. */
function applyPending(context: HandlerContext, container: SimContainer, log: (line: string) => void): void {
  if (Object.keys(container.pending).length + Object.keys(container.pendingDelete).length === 0) return;
  const draft = draftOf(container);
  const errors = applyStopped(changeContext(context), container, draft);
  for (const text of Object.values(errors)) log(text.trimEnd());
  commit(container, draft);
}

function ignoresShutdown(container: SimContainer): boolean {
  const { entrypoint } = container.config;
  if (entrypoint === undefined || inits.test(entrypoint)) return false;
  // Images of applications name the signal that ends them.
  return !container.raw.some(([key]) => key === 'lxc.signal.halt');
}

function freshRuntime(context: HandlerContext, container: SimContainer): SimRuntime {
  const { memory, swap, cpulimit, cpuunits } = container.config;
  context.state.counters.pid += 1;
  return {
    pid: context.state.counters.pid,
    startedAtMs: context.clock.now(),
    memoryMiB: Number(memory ?? unsetMemoryMiB),
    swapMiB: Number(swap ?? 0),
    cpuLimit: cpulimit ?? '0',
    cpuUnits: Number(cpuunits ?? unsetCpuUnits),
    ignoresShutdown: ignoresShutdown(container),
  };
}

/**
 * Starts a stopped container: applies what waits, checks what it needs, boots.
 *
 * @throws SimError 500 when a bridge, device, storage or volume is missing.
 */
export async function bootContainer(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
): Promise<void> {
  applyPending(context, container, (line) => worker.log(line));
  checkLxcConfig(context.state, container);
  for (const [, mount] of mountsOf(container.config)) {
    if (mount.kind !== 'volume') continue;
    const { storage } = parseVolumeId(mount.volume) ?? die(`unable to parse volume ID '${mount.volume}'`);
    usableStorage(context.state, storage, container.node);
    needVolume(context.state, container.node, mount.volume);
  }
  await worker.sleep(durations.start);
  container.runtime = freshRuntime(context, container);
  warnAboutNesting(worker, systemdOf(context, container), container.config['features']);
}

/**
 * Does what a vzstart task does.
 *
 * @param skiplock - start it although its config is locked.
 */
export async function startTask(
  context: HandlerContext,
  worker: SimWorker,
  vmid: number,
  skiplock: boolean,
): Promise<void> {
  await lockConfig(
    context,
    vmid,
    async () => {
      const container = needContainer(context, vmid);
      if (isTemplate(container)) die("you can't start a CT if it's a template");
      if (!skiplock && container.config['lock'] !== 'mounted') checkLock(container);
      const quota = mountsOf(container.config).some(([, mount]) => mount.options['quota'] === '1');
      if (container.config['unprivileged'] === '1' && quota)
        die('Quotas are not supported by unprivileged containers.');
      if (!container.runtime) await bootContainer(context, worker, container);
    },
    { worker },
  );
}

/** The container is down: its mounts are gone, and what waits is applied by the post-stop hook. */
function down(context: HandlerContext, container: SimContainer, runtime: SimRuntime): void {
  if (container.runtime !== runtime) return;
  container.runtime = null;
  context.consoles.reap();
  if (context.state.containers[container.vmid] === container)
    applyPending(context, container, () => undefined);
}

/** Kills a running container. */
export async function killContainer(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
): Promise<void> {
  const { runtime } = container;
  if (!runtime) return;
  await worker.sleep(durations.kill);
  down(context, container, runtime);
}

/**
 * Asks a container to halt, and waits.
 *
 * @param options.timeoutMs - how long it has.
 * @param options.kill - kill it after that; otherwise it gets the time once more, and 5 s.
 * @throws SimError 500 `container did not stop`.
 */
export async function haltContainer(
  context: HandlerContext,
  worker: SimWorker,
  container: SimContainer,
  options: { timeoutMs: number; kill: boolean },
): Promise<void> {
  const { runtime, vmid } = container;
  if (!runtime) return;
  const { timeoutMs, kill } = options;
  const needsMs = runtime.ignoresShutdown
    ? Number.POSITIVE_INFINITY
    : haltMs(container.config['ostype'] ?? '');
  const command = `command 'lxc-stop -n ${vmid}${kill ? '' : ' --nokill'} --timeout ${timeoutMs / 1000}' failed`;
  // Once asked, it goes down whatever becomes of the task that asked.
  const halted = Number.isFinite(needsMs)
    ? context.clock.sleep(needsMs).then(() => down(context, container, runtime))
    : undefined;
  worker.diesHard(`${command}: received interrupt`);
  await worker.sleep(Math.min(needsMs, timeoutMs));
  if (needsMs > timeoutMs) {
    if (kill) {
      await killContainer(context, worker, container);
    } else {
      worker.log(`${command}: exit code 1`);
      const graceMs = timeoutMs + durations.stopGrace;
      await worker.sleep(Math.min(needsMs - timeoutMs, graceMs));
      if (needsMs > timeoutMs + graceMs) die('container did not stop');
      await halted;
    }
  } else {
    await halted;
  }
  worker.diesHard(null);
}
