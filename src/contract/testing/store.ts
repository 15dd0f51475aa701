import { afterEach, describe } from 'vitest';
import type { Store } from '../store.ts';
import { acceptingRows } from './store/accepting.ts';
import { assemblingRows } from './store/assembling.ts';
import { erasingRows } from './store/erasing.ts';
import { forwardingRows } from './store/forwarding.ts';
import { keepingRows } from './store/keeping.ts';
import { modelRows } from './store/model.ts';
import { notifyingRows } from './store/notifying.ts';
import { peopleRows } from './store/people.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Closes it and opens the same data again. */
  reopen(): Promise<Store>;
}
/** Opens an empty store. The suite asks for one per row, and for many in its random runs. */
export type OpenStore = () => Promise<OpenedStore>;

/**
 * What every store engine owes, row by row: each engine runs the same suite unchanged. `open` makes an
 * empty store under institution `ornek`; `close` is called after each row and ends all that were opened.
 */
export function testStore(
  name: string,
  open: OpenStore,
  close: () => Promise<void>,
  options: { readonly runs?: number } = {},
): void {
  describe(`store contract: ${name}`, () => {
    afterEach(close);
    describe('accepting', () => acceptingRows(open));
    describe('assembling', () => assemblingRows(open));
    describe('forwarding', () => forwardingRows(open));
    describe('notifying', () => notifyingRows(open));
    describe('keeping', () => keepingRows(open));
    describe('people', () => peopleRows(open));
    describe('erasing', () => erasingRows(open));
    describe('books', () => modelRows(open, options.runs ?? 25));
  });
}
