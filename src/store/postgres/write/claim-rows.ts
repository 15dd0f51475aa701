import type { Settlement, Stage } from '@kapi/contract';
import { Abort } from '../../shared/abort.ts';
import { integer, type Row } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

/** A row that a stage claims: its table, its key as the claim's id says it, what an ending asks of it. */
interface ClaimTable {
  readonly table: string;
  /** Columns of the key, as they stand in a claim's id, separated by dots; the last one may be text. */
  readonly key: readonly string[];
  readonly types: readonly string[];
  readonly columns: string;
}

export const claimTables: Readonly<Record<Stage, ClaimTable>> = {
  read: { table: 'envelopes', key: ['eid'], types: ['bigint'], columns: 'eid, state' },
  fetch: { table: 'parts', key: ['eid', 'key'], types: ['bigint', 'text'], columns: 'eid, key, state' },
  assemble: { table: 'conversations', key: ['cid'], types: ['bigint'], columns: 'cid' },
  forward: {
    table: 'deliveries',
    key: ['rid', 'sequence', 'did'],
    types: ['bigint', 'int', 'int'],
    columns: 'rid, sequence, did, priority, state',
  },
  notify: { table: 'notices', key: ['rid', 'nid'], types: ['bigint', 'bigint'], columns: 'rid, nid, state' },
  timer: { table: 'timers', key: ['id'], types: ['text'], columns: 'id' },
};

/** The id of a claim from its row. */
export const claimId = (stage: Stage, row: Row): string =>
  claimTables[stage].key.map((column) => String(row[column])).join('.');

/** Values of the key's columns, or undefined where the id is none of ours. */
export function keyValues(stage: Stage, id: string): readonly (string | number)[] | undefined {
  const { types } = claimTables[stage];
  const pieces = id.split('.');
  const own = [...pieces.slice(0, types.length - 1), pieces.slice(types.length - 1).join('.')];
  const values = own.map((piece, index) => (types[index] === 'text' ? piece : Number(piece)));
  const valid = values.every((value) => typeof value === 'string' || Number.isSafeInteger(value));
  return pieces.length >= types.length && valid ? values : undefined;
}

/** `eid = $1 AND key = $2` */
export const keyIs = (stage: Stage, from = 1): string =>
  claimTables[stage].key.map((column, index) => `${column} = $${index + from}`).join(' AND ');

const lockSql = (stage: Stage): string => {
  const { table, key, types, columns } = claimTables[stage];
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const names = columns
    .split(', ')
    .map((name) => `t.${name}`)
    .join(', ');
  const keys = key.map((name) => `t.${name}`).join(', ');
  return `SELECT ${names}, t.token FROM unnest(${arrays}) AS k (${key.join(', ')}) JOIN ${table} t USING (${key.join(', ')})
    ORDER BY ${keys} FOR UPDATE OF t`;
};
const lockSqls: Readonly<Record<Stage, string>> = {
  read: lockSql('read'),
  fetch: lockSql('fetch'),
  assemble: lockSql('assemble'),
  forward: lockSql('forward'),
  notify: lockSql('notify'),
  timer: lockSql('timer'),
};

/** Rows of claims that a transaction ends, locked in order of their keys. */
export class ClaimRows {
  readonly #rows = new Map<string, Row>();

  async fetch(w: Writing, settlements: readonly Settlement[]): Promise<void> {
    const stages = new Set(settlements.map(({ stage }) => stage));
    for (const stage of stages) {
      const ids = new Set(settlements.flatMap((one) => (one.stage === stage ? [one.id] : [])));
      const values = [...ids].flatMap((id) => {
        const key = keyValues(stage, id);
        return key ? [key] : [];
      });
      if (values.length === 0) continue;
      const columns = claimTables[stage].key.map((_, index) => values.map((key) => key[index]));
      for (const row of await w.all(lockSqls[stage], columns))
        this.#rows.set(`${stage}:${claimId(stage, row)}`, row);
    }
  }

  forget(): void {
    this.#rows.clear();
  }

  /** @throws Abort `stale` where another claim or an ending came after it */
  check({ stage, id, token }: Settlement): Row {
    const row = this.#rows.get(`${stage}:${id}`);
    if (!row || integer(row, 'token') !== token) throw new Abort({ result: 'stale' });
    return row;
  }

  /** The claim has ended: what else comes for it is stale. */
  end(w: Writing, { stage, id }: Settlement): void {
    const name = `${stage}:${id}`;
    const row = this.#rows.get(name);
    if (!row) return;
    w.undo(() => this.#rows.set(name, row));
    this.#rows.delete(name);
  }
}
