import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredFleet } from '../../../src/domain/desired.ts';
import { fillNumber } from '../../../src/spec/numbering.ts';
import { toFleetFile, writeFleet } from '../../../src/spec/write.ts';
import { load } from '../../unit/spec/support.ts';
import { fleetArbitrary } from './fleet-arbitrary.ts';

const withoutOrigin = (fleet: DesiredFleet | undefined): unknown =>
  fleet && { ...fleet, containers: fleet.containers.map(({ origin: _origin, ...rest }) => rest) };

describe('fleet files', () => {
  it('load as the fleet they were written from, without any finding', () => {
    fc.assert(
      fc.property(fleetArbitrary, (fleet) => {
        const result = load(writeFleet(toFleetFile(fleet)));
        expect(result.diagnostics).toEqual([]);
        expect(withoutOrigin(result.fleet)).toEqual(fleet);
      }),
      { numRuns: 120, seed: 1 },
    );
  });

  it('mean the same whatever the order of their entries', () => {
    fc.assert(
      fc.property(fleetArbitrary, fc.integer({ min: 0, max: 5 }), (fleet, shift) => {
        const file = toFleetFile(fleet);
        const entries = Object.entries(file.containers ?? {});
        const turned = [...entries.slice(shift), ...entries.slice(0, shift)];
        const other = load(writeFleet({ ...file, containers: Object.fromEntries(turned) })).fleet;
        const byKey = (one: DesiredFleet | undefined): unknown[] =>
          (one?.containers ?? [])
            .map(({ origin: _origin, ...rest }) => rest)
            .toSorted((a, b) => (a.key < b.key ? -1 : 1));
        expect(byKey(other)).toEqual(byKey(fleet));
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it('give the same findings and fleets every time', () => {
    fc.assert(
      fc.property(fleetArbitrary, (fleet) => {
        const text = writeFleet(toFleetFile(fleet)).replace('node', 'nodee');
        expect(load(text)).toEqual(load(text));
      }),
      { numRuns: 20, seed: 3 },
    );
  });

  it('never make the loader fail, and findings always stand within the file', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      '- ',
      '\n',
      '\t',
      '"',
      '*a',
      '&a',
      'null',
      '#',
      '5',
      '{n}',
      '',
    );
    fc.assert(
      fc.property(fleetArbitrary, fc.nat(), fc.nat({ max: 12 }), piece, (fleet, at, length, inserted) => {
        const text = writeFleet(toFleetFile(fleet));
        const start = at % (text.length + 1);
        const broken = text.slice(0, start) + inserted + text.slice(start + length);
        const lines = broken.split('\n');
        const { fleet: loaded, diagnostics } = load(broken);
        expect(loaded === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
        for (const { range } of diagnostics) {
          const line = lines[(range?.line ?? 0) - 1];
          expect(line).toBeDefined();
          expect(range?.column).toBeGreaterThanOrEqual(1);
          expect(range?.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
        }
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});

it('expressions are integer arithmetic', () => {
  fc.assert(
    fc.property(fc.nat(999), fc.nat(99), fc.integer({ min: 1, max: 999 }), (a, b, n) => {
      expect(fillNumber(`x{${a}+${b}*n}`, n)).toEqual({ text: `x${a + b * n}` });
      expect(fillNumber(`{(n+${a})/${b + 1}}.{(n+${a})%${b + 1}}`, n)).toEqual({
        text: `${Math.floor((n + a) / (b + 1))}.${(n + a) % (b + 1)}`,
      });
    }),
    { numRuns: 100, seed: 5 },
  );
});
