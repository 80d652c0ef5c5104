/** Who is in front at a terminal: keys send their signals there. */
import type { Machine } from './machine.ts';
import type { Process } from './processes.ts';

/** The place before a terminal. */
export interface Seat {
  /** Group that the keys' signals go to. */
  foreground: number;
}

/** Somebody who may have a terminal. */
type Sitter = { readonly machine: Machine; readonly process: Process };

const seats = new WeakMap<Machine, Map<number, Seat>>();

/** The seat of a process's session, if that has a terminal. */
export function seatOf({ machine, process }: Sitter): Seat | undefined {
  return seats.get(machine)?.get(process.session);
}

/** Gives a session its terminal. */
export function takeSeat({ machine, process }: Sitter): Seat {
  const seat: Seat = { foreground: process.group };
  const all = seats.get(machine) ?? new Map<number, Seat>();
  seats.set(machine, all);
  all.set(process.session, seat);
  return seat;
}
