/** Planning thousands of containers: requests, time and memory, with the whole simulated cluster in the same process. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type ScaleCost, scaleCount } from '../../support/plan-at-scale.ts';

const script = fileURLToPath(new URL('../../support/plan-at-scale.ts', import.meta.url));

test(`${scaleCount} containers: one request each and a few more, seconds, and little memory`, async () => {
  // A process of its own, so that its memory is that of the planning and of nothing else.
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
  const cost = JSON.parse(stdout) as ScaleCost;
  expect(cost.update).toBe(scaleCount);
  expect(cost.actions).toBe(scaleCount / 5 + scaleCount);
  expect(cost.requests).toBeLessThanOrEqual(scaleCount + 30);
  expect(cost.seconds).toBeLessThan(60);
  expect(cost.residentMiB).toBeLessThan(400);
}, 120_000);
