/** Names of people and groups as plain ASCII, for host names, tags and logins. Equal names give equal text. */

/** Letters that are no base letter with a mark, spelled as on passports (ICAO 9303-3, section 6). */
const letters: Readonly<Record<string, string>> = {
  ä: 'ae',
  å: 'aa',
  æ: 'ae',
  ð: 'd',
  đ: 'd',
  ħ: 'h',
  ı: 'i',
  ĳ: 'ij',
  ĸ: 'q',
  ł: 'l',
  ŋ: 'n',
  ö: 'oe',
  ø: 'oe',
  œ: 'oe',
  ß: 'ss',
  þ: 'th',
  ŧ: 't',
  ü: 'ue',
};

/**
 * Makes a slug.
 *
 * @param text - any text, for example `Jörg Müller`.
 * @returns small letters, digits and single hyphens between them: `joerg-mueller`; empty when nothing of the kind is left.
 */
export function slug(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\0-\x7f]/gu, (letter) => letters[letter] ?? letter)
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/['’`´]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}
