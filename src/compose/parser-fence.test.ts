import { expect, it } from 'vitest';
import { fenceDiagnosis } from './parser-fence.ts';

it.each([
  { fenced: true, warn: undefined, says: 'without network.' },
  { fenced: false, warn: true, says: 'without a fence around the network' },
])('doctor says of a fence that is $fenced: $says', ({ fenced, warn, says }) => {
  const { ok, warn: warned, detail } = fenceDiagnosis(fenced);
  expect({ ok, warned }).toEqual({ ok: true, warned: warn });
  expect(detail).toContain(says);
});
