import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../../src/render/diagnostics.ts';
import type { Diagnostic } from '../../../src/util/diagnostic.ts';
import { load } from '../spec/support.ts';

const at = (line: number, column: number, endColumn: number, endLine = line) => ({
  file: 'f.yaml',
  line,
  column,
  endLine,
  endColumn,
});
const finding = (range: Diagnostic['range'], message = 'wrong'): Diagnostic => ({
  severity: 'error',
  code: 'X',
  message,
  ...(range ? { range } : {}),
});
const render = (diagnostics: readonly Diagnostic[], text: string, color = false): string =>
  renderDiagnostics(diagnostics, new Map([['f.yaml', text]]), { color });

describe('renderDiagnostics', () => {
  it('renders the findings of a fleet file as in the golden text', () => {
    const folder = new URL('../../golden/diagnostics/', import.meta.url);
    const text = readFileSync(new URL('bad-fleet.yaml', folder), 'utf8');
    const { diagnostics, sources } = load(text, { web: 'cores: none\n' });
    expect(renderDiagnostics(diagnostics, sources, { color: false })).toBe(
      readFileSync(new URL('bad-fleet.txt', folder), 'utf8'),
    );
  });

  it('is empty without findings', () => {
    expect(render([], 'a')).toBe('');
  });

  it('shows the place alone when the text is not known, and nothing without a place', () => {
    expect(renderDiagnostics([finding(at(1, 1, 2))], new Map(), { color: false })).toBe(
      'f.yaml:1:1: error: wrong [X]\n',
    );
    expect(render([finding(undefined)], 'a')).toBe('error: wrong [X]\n');
  });

  it('puts the caret under the right column after tabs and wide characters', () => {
    expect(render([finding(at(1, 5, 6))], '\t日本 x')).toBe(
      'f.yaml:1:5: error: wrong [X]\n  1 |  日本 x\n    |       ^\n',
    );
  });

  it('marks to the end of the line what goes on in the next', () => {
    expect(render([finding(at(1, 4, 2, 3))], 'a: [1,\n  2\n]')).toContain('  1 | a: [1,\n    |    ^^^');
  });

  it('cuts long lines around the place', () => {
    const text = `a: ${'x'.repeat(200)}Y${'z'.repeat(200)}`;
    const [, line = '', caret = ''] = render([finding(at(1, 204, 205))], text).split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line[caret.indexOf('^')]).toBe('Y');
  });

  it('hides secrets and control characters', () => {
    const shown = render(
      [finding(at(1, 1, 2)), finding(at(2, 1, 2)), finding(at(3, 1, 2)), finding(at(4, 1, 2))],
      `password: hunter2\n"secret": {x: 1}, rootPasswd: 'hunter2'\npassword: \${env:OK}\na: \u001b[31mred`,
    );
    expect(shown).not.toContain('hunter2');
    expect(shown).not.toContain('\u001b');
    expect(shown).toContain(`password: \${env:OK}`);
  });

  it('writes escape sequences only when asked to', () => {
    expect(render([finding(at(1, 1, 2))], 'a', true)).toContain('\u001b[31m');
    expect(render([finding(at(1, 1, 2))], 'a')).not.toContain('\u001b');
  });
});
