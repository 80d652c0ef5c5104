/** awk: patterns and prints of fields, which is what most scripts want of it. Anything else is refused. */
import { posixExpression } from './expression.ts';
import { linesOf } from './text-common.ts';
import { parseOptions, type Tool, ToolError } from './tool.ts';

/** A record. */
interface Record {
  readonly line: string;
  readonly fields: readonly string[];
  readonly number: number;
}

type Value = (record: Record) => string;

interface Rule {
  readonly fits: (record: Record) => boolean;
  readonly prints: readonly { readonly values: readonly Value[] }[];
}

const term = /^\s*(?:"((?:[^"\\]|\\.)*)"|\$(NF|NR|[0-9]+)|(NF|NR)|([0-9]+)|([A-Za-z_]\w*))/;

function unsupported(text: string): never {
  throw new ToolError(`the simulated awk does not know: ${text.trim()}`, 2);
}

function readValue(text: string, variables: ReadonlyMap<string, string>): { value: Value; rest: string } {
  const match = term.exec(text);
  if (!match) return unsupported(text);
  const [whole, literal, field, count, number, name] = match;
  const rest = text.slice(whole.length);
  const fieldAt = (record: Record, index: number): string =>
    index === 0 ? record.line : (record.fields[index - 1] ?? '');
  if (literal !== undefined) {
    const plain = literal.replaceAll(
      /\\(.)/g,
      (_whole, code: string) => ({ n: '\n', t: '\t' })[code] ?? code,
    );
    return { value: () => plain, rest };
  }
  if (field !== undefined)
    return {
      value: (record) =>
        fieldAt(
          record,
          field === 'NF' ? record.fields.length : field === 'NR' ? record.number : Number(field),
        ),
      rest,
    };
  if (count !== undefined)
    return { value: (record) => String(count === 'NF' ? record.fields.length : record.number), rest };
  return { value: () => number ?? variables.get(name ?? '') ?? '', rest };
}

/** Terms that stand beside each other, up to something else. */
function readJoined(text: string, variables: ReadonlyMap<string, string>): { value: Value; rest: string } {
  const values: Value[] = [];
  let rest = text;
  while (term.test(rest)) {
    const found = readValue(rest, variables);
    values.push(found.value);
    rest = found.rest;
  }
  if (values.length === 0) return unsupported(text);
  return { value: (record) => values.map((value) => value(record)).join(''), rest };
}

function readTest(text: string, variables: ReadonlyMap<string, string>): (record: Record) => boolean {
  const trimmed = text.trim();
  if (trimmed === '') return () => true;
  const [, isNot, pattern] = /^(!?)\/((?:[^/\\]|\\.)*)\/$/.exec(trimmed) ?? [];
  if (pattern !== undefined) {
    const expression = posixExpression(pattern, true, '');
    return ({ line }) => expression.test(line) !== (isNot === '!');
  }
  const left = readJoined(trimmed, variables);
  const [whole, operator = ''] = /^\s*(==|!=|<=|>=|<|>|!~|~)\s*/.exec(left.rest) ?? [];
  if (whole === undefined) return (record) => !['', '0'].includes(left.value(record));
  const after = left.rest.slice(whole.length);
  if (operator.includes('~')) {
    const expression = posixExpression(after.replace(/^\/|\/$/g, ''), true, '');
    return (record) => expression.test(left.value(record)) === (operator === '~');
  }
  const right = readJoined(after, variables);
  return (record) => {
    const [a, b] = [left.value(record), right.value(record)];
    const isNumeric =
      a.trim() !== '' && b.trim() !== '' && !Number.isNaN(Number(a)) && !Number.isNaN(Number(b));
    const order = isNumeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0;
    const answers: Readonly<{ [operator: string]: boolean }> = {
      '==': order === 0,
      '!=': order !== 0,
      '<': order < 0,
      '>': order > 0,
      '<=': order <= 0,
      '>=': order >= 0,
    };
    return answers[operator] ?? false;
  };
}

function readRules(program: string, variables: ReadonlyMap<string, string>): Rule[] {
  const rules: Rule[] = [];
  for (let rest = program.trim(); rest !== ''; rest = rest.trim()) {
    const [whole, test = '', body] =
      /^((?:\/(?:[^/\\]|\\.)*\/|"(?:[^"\\]|\\.)*"|[^{}])*)(?:\{([^}]*)\})?/.exec(rest) ?? [];
    if (whole === undefined || whole === '') return unsupported(rest);
    rest = rest.slice(whole.length);
    if (/^(BEGIN|END)/.test(test.trim())) return unsupported(test);
    const statements =
      body === undefined
        ? ['print']
        : body
            .split(';')
            .map((text) => text.trim())
            .filter((text) => text !== '');
    const prints = statements.flatMap((statement) => {
      if (statement === 'next' || statement === 'exit') return unsupported(statement);
      if (!/^print\b/.test(statement)) return unsupported(statement);
      let arguments_ = statement.replace(/^print\s*/, '');
      if (arguments_ === '') return [{ values: [({ line }: Record) => line] }];
      const values: Value[] = [];
      for (;;) {
        const found = readJoined(arguments_, variables);
        values.push(found.value);
        arguments_ = found.rest.trim();
        if (!arguments_.startsWith(',')) break;
        arguments_ = arguments_.slice(1);
      }
      return arguments_ === '' ? [{ values }] : unsupported(arguments_);
    });
    rules.push({ fits: readTest(test, variables), prints });
  }
  return rules;
}

const awk: Tool = {
  run: async (context) => {
    const { rest, values, value } = parseOptions(context.args, 'F:v:');
    const variables = new Map(
      (values.get('v') ?? []).map((word) => [
        word.slice(0, word.indexOf('=')),
        word.slice(word.indexOf('=') + 1),
      ]),
    );
    const [program = '', ...names] = rest;
    const rules = readRules(program, variables);
    const separator = value('F');
    const split = (line: string): string[] =>
      separator === undefined
        ? line
            .trim()
            .split(/\s+/)
            .filter((field) => field !== '')
        : line.split(separator.length === 1 ? separator : posixExpression(separator, true, ''));
    for (const name of names.length === 0 ? ['-'] : names) {
      const stream = context.open(name);
      const lines = linesOf(await context.readAll(stream));
      stream.release();
      for (const [index, line] of lines.entries()) {
        const record: Record = { line, fields: split(line), number: index + 1 };
        for (const { fits, prints } of rules)
          if (fits(record))
            for (const each of prints)
              await context.out(`${each.values.map((get) => get(record)).join(' ')}\n`);
      }
    }
    return 0;
  },
};

export const awkTools: Readonly<{ [name: string]: Tool }> = { awk };
