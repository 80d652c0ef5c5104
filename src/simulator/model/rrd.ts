/** Time axes of the metrics: how often a sample is taken, and how many a time frame shows. Pure. */

/** Seconds between samples and their number (the databases of Proxmox VE 9). */
const frames: Readonly<Record<string, readonly [stepSeconds: number, count: number]>> = {
  hour: [60, 70],
  day: [60, 1440],
  week: [1800, 336],
  month: [1800, 1440],
  year: [21_600, 1460],
};

/**
 * Times of the samples of a time frame, oldest first.
 *
 * @param timeframe - `hour`, `day`, `week`, `month` or `year`.
 * @param nowSeconds - simulated seconds since the epoch.
 * @returns seconds since the epoch, multiples of the step.
 */
export function rrdTimes(timeframe: string, nowSeconds: number): number[] {
  const [step, count] = frames[timeframe] ?? [60, 70];
  const last = Math.floor(nowSeconds / step) * step;
  return Array.from({ length: count }, (_, index) => last - (count - 1 - index) * step);
}
