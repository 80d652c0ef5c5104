import { expect, test } from 'vitest';
import { slug } from '../../../src/util/slug.ts';

test.each([
  ['Anna Huber', 'anna-huber'],
  ['  Jörg   MÜLLER ', 'joerg-mueller'],
  ['Mu\u0308ller', 'mueller'],
  ['Groß, Straßer', 'gross-strasser'],
  ['Søren Ångström', 'soeren-aangstroem'],
  ['Łukasz Žižka', 'lukasz-zizka'],
  ['İpek Işık', 'ipek-isik'],
  ['Þóra Ðuro', 'thora-duro'],
  ["Siân O'Neill", 'sian-oneill'],
  ['Nguyễn Thị', 'nguyen-thi'],
  ['1 AHIF/b', '1-ahif-b'],
  ['ﬁ ②', 'fi-2'],
  ['李明', ''],
  ['--', ''],
])('%s → %s', (text, want) => {
  expect(slug(text)).toBe(want);
});
