/**
 * Deterministic random numbers whose state lives in the cluster's state, so that equal seeds and equal requests give
 * equal UPIDs, addresses and secrets, also after a state was saved and loaded.
 */
import type { SimState } from './state.ts';

/**
 * Draws a number and moves the generator on (mulberry32).
 *
 * @param state - holder of the generator's state.
 * @returns a number in [0, 1).
 */
export function nextRandom(state: Pick<SimState, 'random'>): number {
  state.random = (state.random + 0x6d2b79f5) >>> 0;
  let mixed = state.random;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/**
 * Random hex digits.
 *
 * @param state - holder of the generator's state.
 * @param digits - how many.
 */
export function randomHex(state: Pick<SimState, 'random'>, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(nextRandom(state) * 16).toString(16)).join('');
}

/**
 * A random UUID (version 4), as token secrets have it.
 *
 * @param state - holder of the generator's state.
 */
export function randomUuid(state: Pick<SimState, 'random'>): string {
  const hex = randomHex(state, 32);
  const variant = '89ab'[Math.floor(nextRandom(state) * 4)] as string;
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}
