import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../../src/cli/exit-codes.ts';
import type { Options } from '../../../src/cli/options.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { CancelledError, PlanRefusedError } from '../../../src/engine/errors.ts';
import { SpecError } from '../../../src/spec/errors.ts';
import { InternalError, UsageError } from '../../../src/util/errors.ts';
import { fakeHost } from '../../support/fake-host.ts';

function outputFor(options: Partial<Options>, host: Parameters<typeof fakeHost>[0] = {}) {
  const fake = fakeHost(host);
  return { ...fake, output: createOutput(fake.host, { output: 'human', ...options }) };
}

describe('streams', () => {
  it('has results on stdout and the rest on stderr', () => {
    const { output, stdout, stderr } = outputFor({});
    output.say('working');
    output.result({ format: 'x/1' }, () => 'done\n');
    expect(stdout()).toBe('done\n');
    expect(stderr()).toBe('working\n');
  });

  it('writes one document with json', () => {
    const { output, stdout } = outputFor({ output: 'json' });
    output.result({ format: 'x/1', n: 1 }, () => 'done\n');
    expect(JSON.parse(stdout())).toEqual({ format: 'x/1', n: 1 });
  });

  it('writes one line with ndjson', () => {
    const { output, stdout } = outputFor({ output: 'ndjson' });
    output.result({ format: 'x/1', n: 1 }, () => 'done\n');
    expect(stdout()).toBe('{"format":"x/1","n":1}\n');
  });

  it('never writes a second document', () => {
    const { output, stdout, stderr } = outputFor({ output: 'json' });
    output.result({ format: 'x/1' }, () => '');
    output.error(new UsageError('late'));
    expect(JSON.parse(stdout())).toEqual({ format: 'x/1' });
    expect(stderr()).toContain('late');
    expect(() => output.result({ format: 'x/1' }, () => '')).toThrow(InternalError);
  });

  it('is quiet about progress, but not about errors', () => {
    const { output, stderr } = outputFor({ quiet: true });
    output.say('working');
    expect(stderr()).toBe('');
    output.error(new UsageError('wrong', { hint: 'do better' }));
    expect(stderr()).toContain('error: wrong');
    expect(stderr()).toContain('do better');
  });
});

describe('errors as documents', () => {
  it('keep code, hint and details', () => {
    const { output, stdout, stderr } = outputFor({ output: 'json' });
    output.error(new UsageError('wrong', { hint: 'do better', code: 'WRONG', details: { n: 1 } }));
    expect(JSON.parse(stdout())).toEqual({
      format: 'pvefleet.error/1',
      code: 'WRONG',
      message: 'wrong',
      hint: 'do better',
      details: { n: 1 },
    });
    expect(stderr()).toBe('');
  });

  it('give foreign errors a code', () => {
    const { output, stdout } = outputFor({ output: 'json' });
    output.error(new TypeError('x is not a function'));
    expect(JSON.parse(stdout())).toMatchObject({ format: 'pvefleet.error/1', code: 'UNEXPECTED' });
  });

  it('hold no secret', () => {
    for (const format of ['json', 'human'] as const) {
      const { output, stdout, stderr } = outputFor({ output: format });
      output.error(new UsageError('POST with password=hunter2 failed', { details: { password: 'hunter2' } }));
      expect(stdout() + stderr()).not.toContain('hunter2');
    }
  });
});

describe('colours', () => {
  const coloured = (options: Partial<Options>, env: Record<string, string>, tty: boolean): boolean =>
    outputFor(options, { env, tty }).output.style.color;
  it.each([
    ['a terminal', {}, {}, true, true],
    ['a pipe', {}, {}, false, false],
    ['NO_COLOR', {}, { NO_COLOR: '1' }, true, false],
    ['an empty NO_COLOR', {}, { NO_COLOR: '' }, true, true],
    ['--no-color', { color: false }, {}, true, false],
    ['a dumb terminal', {}, { TERM: 'dumb' }, true, false],
    ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '1' }, false, true],
  ])('%s', (_, options, env, tty, want) => {
    expect(coloured(options, env as Record<string, string>, tty)).toBe(want);
  });
});

describe('exit codes', () => {
  it.each([
    [new UsageError('x'), 2],
    [new SpecError([]), 3],
    [new PlanRefusedError({ fleet: 'lab' }), 6],
    [new CancelledError('draining'), 130],
    [new InternalError('x'), 1],
    [new Error('x'), 1],
    ['text', 1],
    [Object.assign(new Error('x'), { code: 'X', exitCode: 77 }), 1],
  ])('%s gives %i', (error, want) => {
    expect(exitCodeOf(error)).toBe(want);
  });
});
