/** A row as a database returns it; the functions below take typed values out of it. */
export type Row = Readonly<Record<string, unknown>>;

const wrong = (column: string): Error => new Error(`Column ${column} does not hold what the schema says.`);

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrong(column);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrong(column);
  return value;
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw wrong(column);
  return value;
}

export const maybeText = (row: Row, column: string): string | undefined =>
  row[column] == null ? undefined : text(row, column);
export const maybeInteger = (row: Row, column: string): number | undefined =>
  row[column] == null ? undefined : integer(row, column);
export const maybeBytes = (row: Row, column: string): Uint8Array | undefined =>
  row[column] == null ? undefined : bytes(row, column);

/** A text column that holds one of a closed list of words. */
export function word<W extends string>(row: Row, column: string, words: readonly W[]): W {
  const value = text(row, column);
  const found = words.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(column);
  return found;
}

/** JSON that this store wrote and sealed itself: authenticated bytes, so not parsed by schema again. */
export function fromJson<T>(json: string | Uint8Array): T {
  return JSON.parse(
    typeof json === 'string' ? json : Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString(),
  );
}
