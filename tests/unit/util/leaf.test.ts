import { describe, expect, it, vi } from 'vitest';
import { abortable } from '../../../src/util/abort.ts';
import { canonicalJson, digestOf } from '../../../src/util/canonical-json.ts';
import { manualClock } from '../../../src/util/clock.ts';
import { deepEqual, naturalCompare } from '../../../src/util/compare.ts';
import { globMatcher } from '../../../src/util/glob.ts';
import { redactText, redactValue } from '../../../src/util/redact.ts';
import { withRetry } from '../../../src/util/retry.ts';
import { suggest } from '../../../src/util/suggest.ts';

describe('naturalCompare', () => {
  it('orders numbers inside names as numbers', () => {
    expect(['web10', 'web2', 'db', 'web02', 'web1'].sort(naturalCompare)).toEqual([
      'db',
      'web1',
      'web2',
      'web02',
      'web10',
    ]);
  });
});

describe('deepEqual', () => {
  it.each([
    [{ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 }, true],
    [{ a: undefined }, {}, true],
    [[1, 2], [2, 1], false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[], {}, false],
    [null, {}, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(deepEqual(a, b)).toBe(equal);
  });
});

describe('canonicalJson', () => {
  it('gives equal bytes for equal values', () => {
    expect(canonicalJson({ b: [{ z: 1, a: 2 }], a: undefined })).toBe('{"b":[{"a":2,"z":1}]}');
    expect(digestOf({ a: 1, b: 2 })).toBe(digestOf({ b: 2, a: 1 }));
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: 2 }));
  });
});

describe('globMatcher', () => {
  it.each([
    ['student-*', 'student-07', true],
    ['student-*', 'xstudent-07', false],
    ['web0?', 'web01', true],
    ['{web,db}01', 'db01', true],
    ['a.b', 'axb', false],
    ['{open', '{open', true],
  ])('%s against %s: %s', (pattern, name, matches) => {
    expect(globMatcher(pattern)(name)).toBe(matches);
  });
});

describe('suggest', () => {
  it.each([
    ['memroy', 'memory'],
    ['cpu_limit', 'cpuLimit'],
    ['nameservers', 'nameserver'],
    ['bananas', undefined],
  ])('%s: %s', (given, wanted) => {
    expect(suggest(given, ['memory', 'cpuLimit', 'cores', 'nameserver'])).toBe(wanted);
  });
});

describe('redact', () => {
  it.each([
    ['Authorization: PVEAPIToken=root@pam!ci=11111111-1111-4111-8111-111111111111', '11111111'],
    ['Cookie: PVEAuthCookie=PVE%3Aroot@pam%3A65F1', '65F1'],
    ['ticket PVE:root@pam:65F1A2B3::c2lnbmF0dXJl+/=', 'c2lnbmF0'],
    ['POST /access/ticket username=a&password=hunter2&x=1', 'hunter2'],
  ])('masks %s', (text, secret) => {
    expect(redactText(text)).not.toContain(secret);
  });

  it('masks sensitive members and keeps the others', () => {
    expect(redactValue({ password: 'x', list: [{ otp: '123456', vmid: 100 }] })).toEqual({
      password: '********',
      list: [{ otp: '********', vmid: 100 }],
    });
  });
});

describe('abortable', () => {
  it('rejects with the reason of the signal and leaves the work alone', async () => {
    const controller = new AbortController();
    let finish: (value: number) => void = () => undefined;
    const work = new Promise<number>((resolve) => {
      finish = resolve;
    });
    const waiting = abortable(work, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    finish(7);
    await expect(work).resolves.toBe(7);
  });
});

describe('manualClock', () => {
  it('wakes sleepers in the order of their times without waiting', async () => {
    const clock = manualClock({ start: 0 });
    const woken: string[] = [];
    await Promise.all([
      clock.sleep(5000).then(() => woken.push(`late ${clock.now()}`)),
      clock.sleep(10).then(() => woken.push(`early ${clock.now()}`)),
    ]);
    expect(woken).toEqual(['early 10', 'late 5000']);
  });

  it('moves only when told to, when automatic time is off', async () => {
    const clock = manualClock({ start: 0, auto: false });
    const woken = vi.fn();
    void clock.sleep(100).then(woken);
    await clock.advance(99);
    expect(woken).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(woken).toHaveBeenCalledOnce();
    expect(clock.now()).toBe(100);
  });

  it('lets go of a sleeper whose signal aborts', async () => {
    const controller = new AbortController();
    const sleeping = manualClock({ auto: false }).sleep(1000, controller.signal);
    controller.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow('stop');
  });
});

describe('withRetry', () => {
  const clock = (): ReturnType<typeof manualClock> => manualClock({ start: 0 });

  it('repeats with growing waits until it succeeds', async () => {
    const waits: number[] = [];
    const result = await withRetry(
      { attempts: 5, baseMs: 100, capMs: 300 },
      async (attempt) => {
        if (attempt < 4) throw new Error('not yet');
        return attempt;
      },
      {
        clock: clock(),
        random: () => 1,
        shouldRetry: () => true,
        onRetry: (_, __, inMs) => waits.push(inMs),
      },
    );
    expect(result).toBe(4);
    expect(waits).toEqual([100, 200, 300]);
  });

  it('does not repeat what may not be repeated, nor more often than allowed', async () => {
    const run = vi.fn(async () => {
      throw new Error('no');
    });
    await expect(
      withRetry({ attempts: 3, baseMs: 1, capMs: 1 }, run, { clock: clock(), shouldRetry: () => false }),
    ).rejects.toThrow('no');
    expect(run).toHaveBeenCalledTimes(1);
    await expect(
      withRetry({ attempts: 3, baseMs: 1, capMs: 1 }, run, { clock: clock(), shouldRetry: () => true }),
    ).rejects.toThrow('no');
    expect(run).toHaveBeenCalledTimes(4);
  });
});
