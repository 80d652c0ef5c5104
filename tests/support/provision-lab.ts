/** A simulated cluster with real shells behind its consoles, and engines on it: for tests of what is done inside. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPveClient } from '../../src/api/client.ts';
import { splitDescription } from '../../src/codec/description.ts';
import type { DesiredContainer, DesiredFleet, ProvisionStep } from '../../src/domain/desired.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { applyPlan } from '../../src/engine/apply.ts';
import { createContext, type EngineContext } from '../../src/engine/context.ts';
import type { StampedEvent } from '../../src/engine/events.ts';
import { makePlan } from '../../src/engine/plan.ts';
import type { ApplyReport } from '../../src/engine/report.ts';
import { scaledClock, systemClock } from '../../src/util/clock.ts';
import { type ConsoleSimulator, startConsoleSimulator } from './console-simulator.ts';
import { type CutProxy, cutProxy } from './cut-proxy.ts';
import { container, fleet, policyOf } from './engine.ts';

/** One run of the engine, as one call of the command. */
interface LabRun {
  readonly context: EngineContext;
  readonly events: StampedEvent[];
  readonly drain: AbortController;
  readonly detach: AbortController;
  close(): void;
}

/** The lab. */
export interface ProvisionLab {
  readonly server: ConsoleSimulator;
  readonly line: CutProxy;
  /** Scratch folder for files of the test. */
  readonly folder: string;
  /** Another call of the command. */
  start(options?: { readonly onEvent?: (event: StampedEvent) => void }): LabRun;
  plan(file: DesiredFleet, run?: LabRun): Promise<Plan>;
  apply(file: DesiredFleet, run?: LabRun): Promise<ApplyReport>;
  /** What a container of that key remembers inside. */
  markers(key: string): string[];
  /** The record in its ownership line. */
  record(key: string): string | undefined;
  /** Content of a file in the home of a container; undefined: it is not there. */
  read(key: string, file: string): string | undefined;
  close(): Promise<void>;
}

/** A container whose console shows a shell. */
export function provisioned(
  key: string,
  steps: readonly ProvisionStep[],
  more: Partial<DesiredContainer> = {},
): DesiredContainer {
  return container(key, { options: { cmode: 'shell' }, provision: steps, ...more });
}

/** A script. */
export const script = (
  text: string,
  more: Partial<Extract<ProvisionStep, { kind: 'run' }>> = {},
): ProvisionStep => ({
  kind: 'run',
  script: text,
  timeoutSeconds: 60,
  ...more,
});

/** A fleet of the lab, called like its first container: those of other tests are not its own. */
export const labFleet = (...containers: DesiredContainer[]): DesiredFleet =>
  fleet(containers, { name: containers[0]?.key ?? 'lab' });

/**
 * Starts a lab.
 *
 * @param options.shell - default `real`; `scripted` needs no processes, and what is inside belongs to the simulation and goes
 *   back with a rollback.
 */
export async function startLab({
  shell = 'real',
}: {
  readonly shell?: 'real' | 'scripted';
} = {}): Promise<ProvisionLab> {
  // a real shell takes its time; the scripted one is as fast as the simulation
  const clock = shell === 'real' ? systemClock : scaledClock(10);
  const folder = mkdtempSync(join(tmpdir(), 'pvefleet-lab-'));
  const homes = join(folder, 'homes');
  mkdirSync(homes);
  const server = await startConsoleSimulator({ shell, speed: 200, scratch: homes });
  const line = await cutProxy(server.url);
  const runs: LabRun[] = [];
  const { tokenId, tokenSecret } = server.simulator.credentials;
  const vmidOf = (key: string): number | undefined =>
    Object.values(server.simulator.state.containers).find(({ config }) => config['hostname'] === key)?.vmid;
  const start: ProvisionLab['start'] = ({ onEvent } = {}) => {
    const events: StampedEvent[] = [];
    const drain = new AbortController();
    const detach = new AbortController();
    const pve = createPveClient({
      urls: [line.url],
      auth: { kind: 'token', tokenId, secret: tokenSecret },
      trust: { fingerprint: server.fingerprint },
      clock,
    });
    const context = createContext({
      pve,
      clock,
      signal: detach.signal,
      drain: drain.signal,
      identity: tokenId,
      markerFolder: 'markers', // below the home of each container: they share this machine
      resolveSecret: (reference) => Promise.resolve(`secret-${reference.replace('env:', '')}`),
      sink: (event) => {
        events.push(event);
        onEvent?.(event);
      },
    });
    const run: LabRun = { context, events, drain, detach, close: () => pve.close() };
    runs.push(run);
    return run;
  };
  const home = (key: string): string => {
    // the simulator makes one folder, and in it one for each container
    const [root = 'nowhere'] = readdirSync(homes);
    return join(homes, root, String(vmidOf(key)));
  };
  const plan: ProvisionLab['plan'] = async (file, run = start()) =>
    (await makePlan(run.context, file, policyOf())).plan;
  return {
    server,
    line,
    folder,
    start,
    plan,
    apply: async (file, run = start()) => applyPlan(run.context, await plan(file, run)),
    markers: (key) => {
      const path = join(home(key), 'markers');
      return existsSync(path) ? readdirSync(path).sort() : [];
    },
    record: (key) => {
      const vmid = vmidOf(key);
      const found = vmid === undefined ? undefined : server.simulator.state.containers[vmid];
      return splitDescription(found?.config['description'] ?? '').ownership?.provision;
    },
    read: (key, file) => {
      const path = join(home(key), file);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    },
    close: async () => {
      for (const run of runs) run.close();
      await line.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
