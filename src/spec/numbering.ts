/**
 * Numbers and words in the text of counted entries and of students: `student-{nn}`, `10.1.0.{100+n}/24`. An expression is integer arithmetic over
 * `n` (`+ - * / %` and parentheses; `/` rounds down); the longest run of `n` in it gives the least number of digits.
 */

/** What `{login}`, `{group}` and the like stand for; undefined: nothing, in this case. */
export type Words = Readonly<Record<string, string | undefined>>;

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

/** Why an expression has no value. */
function whyNot(
  found: string,
  value: number | undefined,
  { n, words }: { n: number | undefined; words: Words },
): string {
  if (value !== undefined && n !== undefined) return `'${found}' is negative for n = ${n}`;
  if (Object.hasOwn(words, found.slice(1, -1))) return `'${found}' has no value here`;
  if (value !== undefined) return `'${found}' needs a number`;
  return Object.keys(words).length > 0
    ? `'${found}' stands for nothing here`
    : `'${found}' is no expression of n`;
}

/**
 * Fills a number and words into a text.
 *
 * @param text - `{…}` are expressions, `{{` and `}}` stand for braces.
 * @param n - 1 for the first of the counted containers; undefined: there is no number.
 * @param words - what else may stand in braces.
 * @returns the text, or the first expression that has no value.
 */
export function fillNumber(text: string, n: number | undefined, words: Words = {}): NumberedText {
  let error: string | undefined;
  const filled = text.replaceAll(expression, (found: string, source: string | undefined) => {
    if (found === '{{' || found === '}}') return found.charAt(0);
    const word = source !== undefined && Object.hasOwn(words, source) ? words[source] : undefined;
    if (word !== undefined) return word;
    const value = source?.includes('n') ? evaluate(source, n ?? 1) : undefined;
    if (value === undefined || value < 0 || n === undefined) {
      error ??= whyNot(found, value, { n, words });
      return found;
    }
    const digits = Math.max(...[...(source ?? '').matchAll(/n+/g)].map(([run]) => run.length));
    return String(value).padStart(digits, '0');
  });
  return error === undefined ? { text: filled } : { error };
}
