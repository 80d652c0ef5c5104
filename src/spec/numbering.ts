/**
 * Numbers in the text of counted entries: `student-{nn}`, `10.1.0.{100+n}/24`. An expression is integer arithmetic over
 * `n` (`+ - * / %` and parentheses; `/` rounds down); the longest run of `n` in it gives the least number of digits.
 */

/** A text with the number filled in, or why that is impossible. */
export type NumberedText = { readonly text: string } | { readonly error: string };

const expression = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/**
 * Tells whether a text has anything to fill in.
 *
 * @returns true when it contains a brace.
 */
export function isNumbered(text: string): boolean {
  return text.includes('{') || text.includes('}');
}

const apply: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.floor(a / b),
  '%': (a, b) => a - b * Math.floor(a / b),
};

function evaluate(source: string, n: number): number | undefined {
  const tokens = source.match(/n+|\d+|[-+*/%()]|\S/g) ?? [];
  let at = 0;
  const atom = (): number => {
    const token = tokens[at++] ?? '';
    if (/^n+$/.test(token)) return n;
    if (/^\d+$/.test(token)) return Number(token);
    if (token !== '(') return Number.NaN;
    const value = sum();
    return tokens[at++] === ')' ? value : Number.NaN;
  };
  const chain = (operand: () => number, operators: string): number => {
    let value = operand();
    for (let token = tokens[at]; token !== undefined && operators.includes(token); token = tokens[at]) {
      at += 1;
      value = (apply[token] as (a: number, b: number) => number)(value, operand());
    }
    return value;
  };
  const sum = (): number => chain(() => chain(atom, '*/%'), '+-');
  const value = sum();
  return at === tokens.length && Number.isSafeInteger(value) ? value : undefined;
}

/**
 * Fills a number into a text.
 *
 * @param text - `{…}` are expressions, `{{` and `}}` stand for braces.
 * @param n - 1 for the first of the counted containers.
 * @returns the text, or the first expression that has no value.
 */
export function fillNumber(text: string, n: number): NumberedText {
  let error: string | undefined;
  const filled = text.replaceAll(expression, (found: string, source: string | undefined) => {
    if (found === '{{' || found === '}}') return found.charAt(0);
    const value = source?.includes('n') ? evaluate(source, n) : undefined;
    if (value === undefined || value < 0) {
      error ??=
        value === undefined ? `'${found}' is no expression of n` : `'${found}' is negative for n = ${n}`;
      return found;
    }
    const digits = Math.max(...[...(source ?? '').matchAll(/n+/g)].map(([run]) => run.length));
    return String(value).padStart(digits, '0');
  });
  return error === undefined ? { text: filled } : { error };
}
