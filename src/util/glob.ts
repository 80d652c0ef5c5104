/** Shell-like patterns over names: `*` any run, `?` one character, `{a,b}` alternatives. */

/**
 * Compiles a pattern.
 *
 * @param pattern - for example `student-*` or `{web,db}0?`.
 * @returns a predicate over whole names; case-sensitive.
 */
export function globMatcher(pattern: string): (name: string) => boolean {
  let depth = 0;
  const source = Array.from(pattern, (char) => char).map((char) => {
    if (char === '*') return '.*';
    if (char === '?') return '.';
    if (char === '{') {
      depth += 1;
      return '(?:';
    }
    if (char === '}' && depth > 0) {
      depth -= 1;
      return ')';
    }
    if (char === ',' && depth > 0) return '|';
    return char.replace(/[\\^$.|+()[\]{}]/, '\\$&');
  });
  const text = depth === 0 ? source.join('') : pattern.replace(/[\\^$.|+()[\]{}*?]/g, '\\$&');
  const expression = new RegExp(`^(?:${text})$`);
  return (name) => expression.test(name);
}
