import { foldKey } from './text.ts';

/**
 * Key under which a person's name is found again, whatever the order of its words, their letters and case:
 * «AYŞE NUR YILMAZ», «Yılmaz, Ayşe Nur» and «ayse nur yilmaz» are one. Empty where there is no word in it.
 */
export const nameKey = (name: string): string =>
  (foldKey(name).match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).sort().join(' ');
