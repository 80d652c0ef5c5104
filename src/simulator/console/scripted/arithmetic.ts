/** Arithmetic of the shell (POSIX XCU 2.6.4): integers, C's operators, assignments. Pure but for the variables. */

/** Where variables are. */
export interface Variables {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
}

/** Binary operators by precedence, loosest first. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const truth = (value: boolean): number => (value ? 1 : 0);

function divide(left: number, right: number): number {
  if (right === 0) throw new Error('arithmetic expression: division by zero');
  return Math.trunc(left / right);
}

const operations: Readonly<Record<string, (left: number, right: number) => number>> = {
  '||': (left, right) => truth(left !== 0 || right !== 0),
  '&&': (left, right) => truth(left !== 0 && right !== 0),
  '|': (left, right) => Number(BigInt(left) | BigInt(right)),
  '^': (left, right) => Number(BigInt(left) ^ BigInt(right)),
  '&': (left, right) => Number(BigInt(left) & BigInt(right)),
  '==': (left, right) => truth(left === right),
  '!=': (left, right) => truth(left !== right),
  '<=': (left, right) => truth(left <= right),
  '>=': (left, right) => truth(left >= right),
  '<': (left, right) => truth(left < right),
  '>': (left, right) => truth(left > right),
  '<<': (left, right) => Number(BigInt(left) << BigInt(right)),
  '>>': (left, right) => Number(BigInt(left) >> BigInt(right)),
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': divide,
  '%': (left, right) => left - divide(left, right) * right,
};

const tokens =
  /\s*(0[xX][0-9a-fA-F]+|[0-9]+|[A-Za-z_][A-Za-z0-9_]*|<<=|>>=|\|\||&&|[=!<>+\-*/%&|^]=|<<|>>|\+\+|--|[-+*/%()<>!~&|^?:=])/y;

function tokenize(text: string): string[] {
  const found: string[] = [];
  tokens.lastIndex = 0;
  const end = text.trimEnd().length;
  while (tokens.lastIndex < end) {
    const at = tokens.lastIndex;
    const match = tokens.exec(text);
    if (!match) throw new Error(`arithmetic expression: expecting primary: "${text.slice(at).trim()}"`);
    found.push(match[1] as string);
  }
  return found;
}

function toNumber(text: string): number {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  const value = Number(text.trim() === '' ? 0 : text);
  if (!Number.isInteger(value)) throw new Error(`Illegal number: ${text}`);
  return value;
}

/**
 * Evaluates an expression.
 *
 * @param text - with its parameters expanded.
 * @param variables - read and, by assignments, set.
 * @throws Error for what is no expression.
 */
export function evaluate(text: string, variables: Variables): number {
  const list = tokenize(text);
  let at = 0;
  const peek = (): string | undefined => list[at];
  const fail = (): never => {
    throw new Error(`arithmetic expression: expecting primary: "${text.trim()}"`);
  };
  const isName = (token: string | undefined): token is string =>
    token !== undefined && /^[A-Za-z_]/.test(token);
  const variableValue = (name: string): number => {
    const value = variables.get(name) ?? '';
    return /^[A-Za-z_]\w*$/.test(value) ? variableValue(value) : toNumber(value);
  };
  const store = (name: string, value: number): number => {
    variables.set(name, String(value));
    return value;
  };
  const primary = (): number => {
    const token = list[at];
    at += 1;
    if (token === '(') {
      const value = expression();
      if (list[at] !== ')') throw new Error(`arithmetic expression: expecting ')': "${text.trim()}"`);
      at += 1;
      return value;
    }
    if (token === '++' || token === '--') {
      const name = list[at];
      if (!isName(name)) return fail();
      at += 1;
      return store(name, variableValue(name) + (token === '++' ? 1 : -1));
    }
    if (token === '-') return -primary();
    if (token === '+') return primary();
    if (token === '!') return truth(primary() === 0);
    if (token === '~') return -primary() - 1;
    if (isName(token)) {
      const value = variableValue(token);
      const next = peek();
      if (next === '++' || next === '--') {
        at += 1;
        store(token, value + (next === '++' ? 1 : -1));
      }
      return value;
    }
    return token !== undefined && /^[0-9]/.test(token) ? toNumber(token) : fail();
  };
  const binary = (level: number): number => {
    const operators = levels[level];
    if (!operators) return primary();
    let value = binary(level + 1);
    for (let token = peek(); token !== undefined && operators.includes(token); token = peek()) {
      at += 1;
      const right = binary(level + 1);
      value = (operations[token] as (left: number, right: number) => number)(value, right);
    }
    return value;
  };
  const ternary = (): number => {
    const value = binary(0);
    if (peek() !== '?') return value;
    at += 1;
    const yes = expression();
    if (list[at] !== ':') return fail();
    at += 1;
    const no = ternary();
    return value === 0 ? no : yes;
  };
  const expression = (): number => {
    const [name, operator] = [list[at], list[at + 1]];
    if (!isName(name) || operator === undefined || !/^(?:<<|>>|[+\-*/%&|^])?=$/.test(operator))
      return ternary();
    at += 2;
    const right = expression();
    const operation = operations[operator.slice(0, -1)];
    return store(name, operation ? operation(variableValue(name), right) : right);
  };
  if (list.length === 0) return 0;
  const value = expression();
  if (at < list.length) fail();
  return value;
}
