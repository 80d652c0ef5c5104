import { describe, expect, it } from 'vitest';
import type { Options } from '../../../src/cli/options.ts';
import { allowDestroy, liftableByTyping, policyOf } from '../../../src/cli/policy.ts';
import { onlyOne, selectionOf } from '../../../src/cli/selection.ts';
import { bytesFlag, mebibytesFlag } from '../../../src/cli/sizes.ts';
import { verifyScope } from '../../../src/cli/verify-scope.ts';
import type { VerifyReport } from '../../../src/domain/converge.ts';
import type { Refusal } from '../../../src/domain/plan.ts';

const options = (more: Partial<Options> = {}): Options => ({ output: 'human', ...more });

describe('what a plan may do', () => {
  it.each([
    ['nothing destructive by default', {}, { destroy: false, recreate: false, restart: false }, 0],
    [
      'any number with --allow destroy',
      { allow: ['destroy'] },
      { destroy: true, recreate: false, restart: false },
      Number.POSITIVE_INFINITY,
    ],
    [
      'as many as --max-destroy',
      { allow: ['destroy'], maxDestroy: 2 },
      { destroy: true, recreate: false, restart: false },
      2,
    ],
    ['restarts', { allow: ['restart', 'recreate'] }, { destroy: false, recreate: true, restart: true }, 0],
  ] as const)('%s', (_, flags, allow, maxDestroy) => {
    expect(policyOf(options(flags), true)).toMatchObject({ allow, maxDestroy, prune: true });
  });

  const refusal = (needs?: Refusal['needs']): Refusal => ({
    key: 'a',
    code: 'X',
    message: 'x',
    changes: [],
    ...(needs ? { needs } : {}),
  });
  it.each([
    ['no refusal', [], {}, false],
    ['a destruction', [refusal('destroy')], {}, true],
    ['too many destructions', [refusal('destroy'), refusal('max-destroy')], {}, true],
    ['more than --max-destroy', [refusal('max-destroy')], { maxDestroy: 1 }, false],
    ['a recreation', [refusal('destroy'), refusal('recreate')], {}, false],
    ['what nothing lifts', [refusal()], {}, false],
  ] as const)('typing a name lifts: %s', (_, refusals, flags, want) => {
    expect(liftableByTyping(refusals, options(flags))).toBe(want);
  });

  it('keeps an explicit --max-destroy after typing', () => {
    const flags = options({ maxDestroy: 1 });
    expect(allowDestroy(policyOf(flags, true), flags)).toMatchObject({
      allow: { destroy: true },
      maxDestroy: 1,
    });
  });
});

describe('sizes in flags', () => {
  it.each([
    ['2GiB', 2048],
    ['0MiB', 0],
    ['1.5GiB', 1536],
  ])('%s is %i MiB', (text, want) => {
    expect(mebibytesFlag('--memory', text)).toBe(want);
  });

  it.each([
    ['2G', 'did you mean 2GiB?'],
    ['512', 'did you mean 512MiB?'],
    ['1KiB', '1MiB'],
  ])('%s is refused', (text, hint) => {
    expect(() => mebibytesFlag('--memory', text)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining('--memory'),
        hint: expect.stringContaining(hint),
      }),
    );
  });

  it('takes any whole number of bytes for disks', () => {
    expect(bytesFlag('--rootfs', '16GiB')).toBe(16 * 1024 ** 3);
  });
});

describe('selections', () => {
  it('have filters only when flags say so', () => {
    expect(selectionOf(['a'], options())).toEqual({ names: ['a'] });
    expect(selectionOf([], options({ tag: ['x', 'y'], node: 'pve1', pool: 'p', fleet: 'f' }))).toEqual({
      names: [],
      filters: { tags: ['x', 'y'], nodes: ['pve1'], pools: ['p'], fleets: ['f'] },
    });
  });

  it('insist on one', () => {
    const container = (vmid: number) => ({ vmid, name: 'web' }) as never;
    expect(onlyOne([container(1)], 'web')).toMatchObject({ vmid: 1 });
    expect(() => onlyOne([container(1), container(2)], 'web*')).toThrow(
      "'web*' means several containers: 1 (web), 2 (web)",
    );
    expect(() => onlyOne([], 'web')).toThrow("there is no container 'web'");
  });
});

describe('a verification of some containers', () => {
  const report: VerifyReport = {
    format: 'pvefleet.verify/1',
    fleet: 'lab',
    converged: false,
    containers: [
      { key: 'web01', state: 'applied' },
      { key: 'db01', state: 'diverged' },
    ],
    findings: [
      { key: 'db01', field: 'memory', state: 'diverged', expected: 1, actual: 2 },
      { key: 'old', field: 'container', state: 'unexpected', expected: null, actual: 1 },
    ],
    summary: { applied: 1, pending: 0, diverged: 1, missing: 0, unexpected: 1 },
  };

  it('is untouched without globs', () => {
    expect(verifyScope(report, {})).toBe(report);
  });

  it('leaves out what is not meant and counts anew', () => {
    expect(verifyScope(report, { target: ['web*'] })).toMatchObject({
      converged: true,
      findings: [],
      summary: { applied: 1, diverged: 0, unexpected: 0 },
    });
    expect(verifyScope(report, { exclude: ['old'] })).toMatchObject({
      converged: false,
      summary: { applied: 1, diverged: 1, unexpected: 0 },
    });
  });
});
