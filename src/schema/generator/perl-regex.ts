/**
 * Perl regular expression text → JavaScript source without flags.
 * Handles what occurs in the official schema: `(?^:…)`, `(?^u:…)`, `(?^i:…)` (letters are written in both cases,
 * because Node 20 has no inline flags) and atomic groups (`(?>…)`, which differ only in speed).
 */

/**
 * Converts one pattern.
 *
 * @param perl - pattern text as Perl prints it.
 * @returns JavaScript source; compiles with `new RegExp(source)`.
 * @throws SyntaxError when the result does not compile.
 */
export function perlToJs(perl: string): string {
  let out = '';
  let inClass = false;
  const insensitive: boolean[] = [];
  for (let i = 0; i < perl.length; i++) {
    const rest = perl.slice(i);
    const char = perl.charAt(i);
    const group = inClass ? null : /^\(\?(\^[a-z]*:|>)/.exec(rest);
    if (char === '\\') {
      out += perl.slice(i, i + 2);
      i += 1;
    } else if (group) {
      out += '(?:';
      insensitive.push(group[1]?.includes('i') ?? false);
      i += group[0].length - 1;
    } else if (inClass) {
      const range = /^([a-z])-([a-z])/.exec(rest);
      if (char === ']') inClass = false;
      if (range && insensitive.at(-1)) {
        out += range[0] + range[0].toUpperCase();
        i += 2;
      } else out += char;
    } else {
      if (char === '[') inClass = true;
      else if (char === '(') insensitive.push(insensitive.at(-1) ?? false);
      else if (char === ')') insensitive.pop();
      out +=
        insensitive.at(-1) && /[a-z]/i.test(char) ? `[${char.toLowerCase()}${char.toUpperCase()}]` : char;
    }
  }
  return new RegExp(out).source;
}
