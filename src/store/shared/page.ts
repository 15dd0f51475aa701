import { type Page, RefusedRequest } from '@kapi/contract';
import type { Row } from './rows.ts';

/** The position a page cursor stands for, or undefined on the first page. @throws RefusedRequest `invalid_request` */
export function after(cursor: string | undefined, parts: number): number[] | undefined {
  if (cursor === undefined) return undefined;
  const numbers = Buffer.from(cursor, 'base64url').toString().split('.').map(Number);
  if (numbers.length !== parts || !numbers.every(Number.isSafeInteger))
    throw new RefusedRequest('invalid_request', 'The page cursor is not one of ours.');
  return numbers;
}

/** A page from one row more than it holds: the extra one tells that another page follows. */
export function page<T>(
  rows: readonly Row[],
  limit: number,
  map: (row: Row) => T,
  positionOf: (row: Row) => readonly number[],
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(map),
    ...(rows.length > limit &&
      last && { next: Buffer.from(positionOf(last).join('.')).toString('base64url') }),
  };
}
