import { expect, test } from 'vitest';
import { nameKey } from './name.ts';

test.each([
  ['Ayşe Nur Yılmaz', 'ayse nur yilmaz'],
  ['AYŞE NUR YILMAZ', 'ayse nur yilmaz'],
  ['Yılmaz, Ayşe  Nur', 'ayse nur yilmaz'],
  ['ayse-nur yilmaz', 'ayse nur yilmaz'],
  ['İsmail IŞIK', 'isik ismail'],
  ['Ayşe Yılmaz', 'ayse yilmaz'],
  ['أحمد', 'أحمد'],
  [' – ', ''],
])('«%s» is found under «%s»', (name, key) => expect(nameKey(name)).toBe(key));
