import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../../src/render/diagnostics.ts';
import { renderError } from '../../../src/render/errors.ts';
import { fill } from '../../../src/render/fill.ts';
import { createStyle, type Style } from '../../../src/render/style.ts';
import { renderTable } from '../../../src/render/table.ts';
import { displayWidth, flow, wrap } from '../../../src/render/wrap.ts';
import { UsageError } from '../../../src/util/errors.ts';

const terminal = (width: number, color = false): Style => createStyle({ color, width, isTerminal: true });
const pipe = createStyle({ color: false, width: 40 });

describe('wrap', () => {
  it.each([
    ['breaks at spaces', 'one two three', 7, ['one two', 'three']],
    ['keeps what fits', 'one two', 7, ['one two']],
    ['keeps line breaks and indentation', '  a\n\nb', 10, ['  a', '', 'b']],
    ['breaks a word that is too long', 'x AA:BB:CC:DD', 7, ['x AA:BB', ':CC:DD']],
    ['breaks a long word at the edge', 'abcdefghij', 4, ['abcd', 'efgh', 'ij']],
    ['counts wide characters twice', '日本 日本', 5, ['日本', '日本']],
    ['does not count escape sequences', '\u001b[1mone\u001b[22m two', 7, ['\u001b[1mone\u001b[22m two']],
  ])('%s', (_, text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });

  it('leaves long words whole when they are to be copied', () => {
    expect(wrap('wait for UPID:pve1:0001 now', 10, { keepWords: true })).toEqual([
      'wait for',
      'UPID:pve1:0001',
      'now',
    ]);
  });

  it('ends colours with each line', () => {
    const lines = wrap(`\u001b[32m${'x'.repeat(10)}\u001b[39m`, 4);
    expect(lines.map(displayWidth)).toEqual([4, 4, 2]);
    expect(lines).toEqual(['xxxx', 'xxxx', 'xx'].map((text) => `\u001b[32m${text}\u001b[39m`));
  });
});

describe('flow', () => {
  const text = 'four words are here, and then some more of them';

  it('goes on under its own column', () => {
    expect(flow('▲ ', text, terminal(40))).toBe('▲ four words are here, and then some\n  more of them');
  });

  it('keeps lines whole elsewhere', () => {
    expect(flow('▲ ', text, pipe)).toBe(`▲ ${text}`);
  });

  it('goes on further left where its column would be too narrow', () => {
    expect(flow(`${'x'.repeat(30)} `, 'one two three four', terminal(40))).toBe(
      `${'x'.repeat(30)} one two\n    three four`,
    );
  });
});

describe('fill', () => {
  it('cuts nothing: what is too long goes on a little further in', () => {
    const items = ['a 1', 'b 2', 'nets.eth0 bridge=vmbr0 ip=10.0.0.1/24', 'c 3'];
    expect(fill(items, 25, terminal(80))).toEqual([
      'a 1 · b 2',
      'nets.eth0 bridge=vmbr0',
      '  ip=10.0.0.1/24',
      'c 3',
    ]);
    expect(fill(items, 25, pipe)).toContain('nets.eth0 bridge=vmbr0 ip=10.0.0.1/24');
  });
});

describe('renderTable', () => {
  const columns = [{ title: 'N', align: 'right' }, { title: 'TEXT' }] as const;

  it('continues cells in their own column on a terminal', () => {
    const rows = [
      ['1', 'a long text that needs more than one line of it'],
      ['12', 'b'],
    ];
    expect(renderTable(columns, rows, terminal(40))).toBe(`\
 N  TEXT
 1  a long text that needs more than one
    line of it
12  b
`);
    expect(renderTable(columns, rows, pipe)).toBe(`\
 N  TEXT
 1  a long text that needs more than one line of it
12  b
`);
  });

  it('breaks at spaces rather than inside words', () => {
    const rows = [['student-katharina-gross', '10.1.2.2/24 fd00:1:2::100/64']];
    expect(renderTable([{ title: 'NAME' }, { title: 'ADDRESS' }], rows, terminal(42))).toBe(`\
NAME                     ADDRESS
student-katharina-gross  10.1.2.2/24
                         fd00:1:2::100/64
`);
  });

  it('fits small terminals, too', () => {
    const titles = ['A', 'B', 'C', 'D'].map((title) => ({ title }));
    const text = renderTable(titles, [['x'.repeat(20), 'y'.repeat(20), 'z'.repeat(20), '1']], terminal(40));
    expect(text.split('\n').filter((line) => line.length > 40)).toEqual([]);
    expect(text.replaceAll(/[^x]/g, '')).toHaveLength(20);
  });

  it('leaves spare columns out, and puts others below, whole', () => {
    const wide = [
      { title: 'NAME' },
      { title: 'SPARE', isSpare: true },
      { title: 'UPID', isBelow: true, isWhole: true },
    ] as const;
    const rows = [['a'.repeat(20), 'b'.repeat(18), `UPID:${'0'.repeat(50)}`]];
    expect(renderTable(wide, rows, terminal(60))).toBe(`NAME\n${'a'.repeat(20)}\n  UPID:${'0'.repeat(50)}\n`);
    expect(renderTable(wide, rows, terminal(77))).toBe(
      `NAME                  UPID\n${'a'.repeat(20)}  UPID:${'0'.repeat(50)}\n`,
    );
  });
});

describe('errors on a terminal', () => {
  it('break at spaces, advice under its own column, commands whole', () => {
    const error = new UsageError('the server does not answer in the time that it was given', {
      hint: `run it again: pvefleet task wait 'UPID:${'0'.repeat(40)}'`,
    });
    expect(renderError(error, terminal(40))).toBe(`\
error: the server does not answer in the
       time that it was given
hint:  run it again: pvefleet task wait
       'UPID:${'0'.repeat(40)}'
`);
  });

  it('keep lists of keys and excerpts within the width', () => {
    const keys = Array.from({ length: 30 }, (_, index) => `key${index}`).join(', ');
    const range = { file: 'f.yaml', line: 1, column: 1, endLine: 1, endColumn: 7 };
    const finding = {
      severity: 'error',
      code: 'X',
      message: "the key 'colour' is not known in this place",
      hint: `known keys: ${keys}`,
      range,
    } as const;
    const text = renderDiagnostics(
      [finding],
      new Map([['f.yaml', `colour: ${'x'.repeat(90)}`]]),
      terminal(60),
    );
    const lines = text.trimEnd().split('\n');
    expect(lines.filter((line) => displayWidth(line) > 60)).toEqual([]);
    expect(lines.slice(-3).every((line) => /^ {6}key\d/.test(line))).toBe(true);
  });
});
