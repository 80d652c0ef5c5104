/**
 * Doing something with many guests: their start order, how many at a time, waiting for their tasks. No handler itself.
 */
import { messageOf } from '../../util/errors.ts';
import type { HandlerContext, SimWorker } from '../context.ts';
import { allGuests, type Guest } from '../model/resources.ts';

/** Guests without a start order come last. */
const lastOrder = Number.MAX_SAFE_INTEGER;
const pollMs = 1000;

/** A guest with what its `startup` option says. */
export interface Ordered {
  readonly guest: Guest;
  readonly order: number;
  /** Seconds to wait after its start. */
  readonly up: number;
  /** Seconds that it has to halt. */
  readonly down: number | undefined;
}

function ordered(guest: Guest): Ordered {
  const text = (guest.type === 'lxc' ? guest.container.config : guest.vm.config)['startup'] ?? '';
  const values = Object.fromEntries(
    text.split(',').map((part) => (part.includes('=') ? part.split('=') : ['order', part])),
  ) as Record<string, string>;
  return {
    guest,
    order: values['order'] ? Number(values['order']) : lastOrder,
    up: Number(values['up'] ?? 0),
    down: values['down'] === undefined ? undefined : Number(values['down']),
  };
}

/** How texts call a guest. */
export const kindOf = (guest: Guest): 'CT' | 'VM' => (guest.type === 'lxc' ? 'CT' : 'VM');
/** Whether a guest runs. */
export const isRunning = (guest: Guest): boolean =>
  guest.type === 'lxc' ? guest.container.runtime !== null : guest.vm.status === 'running';
const isTemplate = (guest: Guest): boolean =>
  (guest.type === 'lxc' ? guest.container.config : guest.vm.config)['template'] === '1';
/** Whether a guest starts with its node. */
export const startsAtBoot = (guest: Guest): boolean =>
  (guest.type === 'lxc' ? guest.container.config : guest.vm.config)['onboot'] === '1';

async function taskEnd(context: HandlerContext, worker: SimWorker, upid: string): Promise<string> {
  while (context.state.tasks[upid]?.status === 'running') await worker.sleep(pollMs);
  return context.state.tasks[upid]?.exitstatus ?? 'unexpected status';
}

const isGood = (status: string): boolean => status === 'OK' || status.startsWith('WARNINGS: ');

/** One round over guests: what is done with each, and what is said of it. */
export interface Round {
  readonly guests: readonly Ordered[];
  readonly maxWorkers: number;
  /** Starts the guest's task; undefined: nothing to wait for. */
  readonly start: (entry: Ordered) => Promise<string | undefined>;
  /** Called with the text of the failure. */
  readonly failed: (entry: Ordered, text: string) => void;
  readonly done?: (entry: Ordered) => Promise<void>;
}

/**
 * Carries out a round: guests of one order value after the other, up to `maxWorkers` at a time.
 *
 * @param worker - the task that does it; stopping it stops the round.
 * @returns ids of the guests that failed.
 */
export async function runRound(context: HandlerContext, worker: SimWorker, round: Round): Promise<number[]> {
  const failures: number[] = [];
  const orders = [...new Set(round.guests.map(({ order }) => order))];
  for (const order of orders) {
    const queue = round.guests.filter((entry) => entry.order === order);
    const lane = async (): Promise<void> => {
      for (let entry = queue.shift(); entry; entry = queue.shift()) {
        const failure = await one(context, worker, round, entry);
        if (failure === undefined) continue;
        failures.push(entry.guest.vmid);
        round.failed(entry, failure);
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, round.maxWorkers) }, lane));
  }
  return failures.sort((a, b) => a - b);
}

/** Text of the failure, if any. A stopped task stops the round. */
async function one(
  context: HandlerContext,
  worker: SimWorker,
  round: Round,
  entry: Ordered,
): Promise<string | undefined> {
  let upid: string | undefined;
  try {
    upid = await round.start(entry);
  } catch (error) {
    return messageOf(error);
  }
  const status = upid === undefined ? 'OK' : await taskEnd(context, worker, upid);
  if (!isGood(status)) return status;
  await round.done?.(entry);
  return undefined;
}

/**
 * Guests in start order, without templates.
 *
 * @param node - only those of this node.
 * @param vmids - only these; empty: all.
 */
export function guestsInOrder(
  context: HandlerContext,
  node: string | undefined,
  vmids: readonly number[],
): Ordered[] {
  return allGuests(context.state)
    .filter((guest) => node === undefined || guest.node === node)
    .filter((guest) => vmids.length === 0 || vmids.includes(guest.vmid))
    .filter((guest) => !isTemplate(guest))
    .map(ordered)
    .toSorted((a, b) => a.order - b.order || a.guest.vmid - b.guest.vmid);
}
