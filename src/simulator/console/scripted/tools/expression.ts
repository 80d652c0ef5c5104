/** Regular expressions as POSIX writes them. Pure. */
import { posixClasses } from '../pattern.ts';
import { ToolError } from './tool.ts';

/**
 * Makes a regular expression of a POSIX one.
 *
 * @param isExtended - `(`, `{`, `|`, `+`, `?` mean something without a backslash.
 */
export function posixExpression(text: string, isExtended: boolean, flags: string): RegExp {
  let source = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character === '[') {
      const end = /^\[\^?\]?(?:\[:[a-z]+:\]|[^\]])*\]/.exec(text.slice(at))?.[0];
      if (end === undefined) throw new ToolError('unmatched [', 2);
      const inner = end
        .slice(1, -1)
        .replaceAll(/\[:([a-z]+):\]|[\\[\]]/g, (part, name: string | undefined) =>
          name === undefined ? `\\${part}` : (posixClasses[name] ?? ''),
        );
      source += `[${inner}]`;
      at += end.length - 1;
    } else if (character === '\\') {
      const next = text[at + 1] ?? '';
      at += 1;
      if (!isExtended && '(){}|+?'.includes(next) && next !== '') source += next;
      else if (next === '<' || next === '>') source += '\\b';
      else if (/[a-zA-Z0-9]/.test(next)) source += /[nrtwWsSbBdD1-9]/.test(next) ? `\\${next}` : next;
      else source += `\\${next}`;
    } else if (!isExtended && '(){}|+?'.includes(character)) source += `\\${character}`;
    else if (character === '*' && (source === '' || source === '^' || /[(|]$/.test(source)) && !isExtended)
      source += '\\*';
    else source += character;
  }
  return new RegExp(source, flags);
}
