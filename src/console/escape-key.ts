/** The key that leaves a console: its name, and finding it in what is typed. Pure. */
import { UsageError } from '../util/errors.ts';

/** A key that leaves. */
export interface EscapeKey {
  /** For people: `Ctrl-]`. */
  readonly name: string;
  /**
   * Looks for the key.
   *
   * @param typed - bytes of the keyboard.
   * @returns where it begins, or -1.
   */
  find(typed: Uint8Array): number;
}

/** Keys that are something else to a terminal: Enter (J and M), Tab, Escape. */
const taken: Readonly<Record<string, string>> = { i: 'Tab', j: 'Enter', m: 'Enter', '[': 'Escape' };

/**
 * Reads the name of an escape key.
 *
 * @param text - `ctrl-]`, `^]` or `C-]`, with a letter or one of `@ \ ] ^ _`; or `none`.
 * @returns the key; `undefined` for `none`.
 * @throws {@link UsageError} for anything else.
 */
export function parseEscapeKey(text: string): EscapeKey | undefined {
  if (text.toLowerCase() === 'none') return undefined;
  const character = /^(?:ctrl-|c-|\^)([a-z@[\\\]^_])$/i.exec(text)?.[1]?.toLowerCase();
  const other = character === undefined ? undefined : taken[character];
  if (character === undefined || other !== undefined) {
    throw new UsageError(
      other === undefined
        ? `'${text}' is no escape key`
        : `'${text}' cannot be the escape key: it is ${other}`,
      { hint: 'give Ctrl with a character, for example ctrl-a or ctrl-], or none' },
    );
  }
  const control = String.fromCharCode(character.toUpperCase().charCodeAt(0) & 0x1f);
  const code = character.charCodeAt(0);
  // A program may have told the terminal to spell keys out, as kitty (CSI u) or as xterm (modifyOtherKeys) does.
  const spellings = new RegExp(`${control}|\\x1b\\[${code}(?::\\d*)*;5(?::1)?u|\\x1b\\[27;5;${code}~`);
  return {
    name: `Ctrl-${character.toUpperCase()}`,
    find: (typed) => Buffer.from(typed).toString('latin1').search(spellings),
  };
}
