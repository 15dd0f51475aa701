import type { CommitHint, Reached, Stage } from '@kapi/contract';
import type { ClientBase } from 'pg';
import { type DataKey, type KeyRing, keyedHash } from '../../../sealing/index.ts';
import { integer, type Row, text } from '../../shared/rows.ts';
import type { Destinations } from '../destinations.ts';
import type { Ids } from '../ids.ts';
import type { Locks } from '../locks.ts';
import { type Queries, send } from '../session.ts';
import { Audit } from './audit.ts';
import { Owners } from './owners.ts';
import { type BatchName, batchNames, batchTables } from './tables.ts';

/** What all writers of a store share. */
export interface House {
  ring: KeyRing;
  readonly key: DataKey;
  readonly institution: string;
  /** This process among all that write to the database. */
  readonly worker: number;
  readonly ids: Ids;
  readonly locks: Locks;
  readonly destinations: Destinations;
}

/**
 * One transaction: rows to insert are kept until a statement needs them there, or the end, and are then
 * written one statement a table. Statements are sent without waiting for the one before; the first that
 * fails fails the transaction.
 */
export class Writing implements Queries {
  readonly house: House;
  readonly owners = new Owners(this);
  readonly audit = new Audit(this);
  readonly #client: ClientBase;
  readonly #rows = new Map<BatchName, unknown[][]>();
  #last: Promise<unknown> = Promise.resolve();
  #failed: unknown;
  #failedNth = 0;
  /** Statements sent; rows of an item that sent none can be taken back. */
  #sends = 0;
  #itemMoves = new Map<string, number>();
  #moves = new Map<string, number>();
  #undo: (() => void)[] = [];
  readonly stages = new Set<Stage>();
  readonly hinted = new Set<string>();
  readonly dropped = new Set<string>();
  /** Rows of this group that could not be opened. */
  readonly damaged: string[] = [];
  /** Records whose next delivery to a destination may be free now. */
  readonly promotions = new Map<string, readonly [rid: number, did: number]>();
  #position = 0;
  #reached: { [K in keyof Reached]: number } | undefined;

  /** Whether the group is done together; items are then counted for all of it. */
  readonly #together: boolean;
  #itemsSent = false;

  constructor(client: ClientBase, house: House, together: boolean) {
    this.#client = client;
    this.#together = together;
    this.house = house;
  }

  /** Keyed hash within a scope: equal for equal values, says nothing without the index key. */
  hash(kind: string, value: string): Buffer {
    return keyedHash(this.house.ring, kind, value);
  }

  /** Asks with everything written so far in place. */
  async all(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    this.flush();
    this.#sends += 1;
    const asked = send(this.#client, sql, values);
    this.#follow(asked);
    try {
      return (await asked).rows;
    } catch (thrown) {
      await this.#last;
      throw this.#failed ?? thrown;
    }
  }

  /** Writes without waiting for the answer. */
  send(sql: string, values: readonly unknown[] = []): void {
    this.flush();
    this.#sends += 1;
    this.#follow(send(this.#client, sql, values));
  }

  /** Statements after the one that failed fail too, and may be heard of before it. */
  #follow(answer: Promise<unknown>): void {
    const nth = this.#sends;
    const followed = answer.catch((thrown: unknown) => {
      if (this.#failed !== undefined && this.#failedNth < nth) return;
      this.#failed = thrown;
      this.#failedNth = nth;
    });
    this.#last = Promise.all([this.#last, followed]);
  }

  /** Waits for all that was sent. @throws what the first failed statement threw */
  async settled(): Promise<void> {
    this.flush();
    await this.#last;
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** A row to write; values in the order of the table's columns. */
  add(name: BatchName, values: readonly unknown[]): void {
    let columns = this.#rows.get(name);
    if (!columns) {
      columns = Array.from({ length: batchTables[name].columns }, () => []);
      this.#rows.set(name, columns);
    }
    for (const [index, column] of columns.entries()) column.push(values[index] ?? null);
  }

  flush(): void {
    if (this.#rows.size === 0) return;
    for (const name of batchNames) {
      const columns = this.#rows.get(name);
      if (!columns || columns[0]?.length === 0) continue;
      this.#sends += 1;
      if (name === 'items') this.#itemsSent = true;
      this.#follow(
        send(this.#client, batchTables[name].sql, columns).then(({ rows }) => this.#answered(name, rows)),
      );
    }
    this.#rows.clear();
  }

  #answered(name: BatchName, rows: readonly Row[]): void {
    if (name === 'items') for (const row of rows) this.#countItem(text(row, 'kind'));
    if (name === 'events')
      for (const row of rows) this.#position = Math.max(this.#position, integer(row, 'position'));
  }
  #countItem(kind: string): void {
    const moves = this.#together ? this.#moves : this.#itemMoves;
    for (const name of ['item.total', itemBook[kind] ?? `item.${kind}`])
      moves.set(name, (moves.get(name) ?? 0) + 1);
  }

  /** Moves a counter of the books; written in the transaction of what it counts. */
  count(name: string, by: number): void {
    this.#itemMoves.set(name, (this.#itemMoves.get(name) ?? 0) + by);
  }

  reach(what: keyof Reached, by: number): void {
    this.#reached = { ...this.#reached, [what]: (this.#reached?.[what] ?? 0) + by };
  }

  /** How far the changes of the item went that ends here. */
  takeReached(): Reached | undefined {
    const reached = this.#reached;
    this.#reached = undefined;
    return reached;
  }

  wake(stage: Stage): void {
    this.stages.add(stage);
  }

  /** Says how a change of what is kept in memory is taken back, should its item be given up. */
  undo(how: () => void): void {
    this.#undo.push(how);
  }

  /** A moment to which `takeBack` can return while nothing has been sent since. */
  mark(): { readonly sends: number; readonly rows: ReadonlyMap<BatchName, number>; readonly audit: number } {
    this.#undo = [];
    this.#reached = undefined;
    this.#keepMoves();
    return {
      sends: this.#sends,
      rows: new Map([...this.#rows].map(([name, [column]]) => [name, column?.length ?? 0])),
      audit: this.audit.length,
    };
  }

  /** Takes back what an item did since the mark; false where something was sent: then all is to be done anew. */
  takeBack(mark: ReturnType<Writing['mark']>): boolean {
    if (this.#sends !== mark.sends) return false;
    for (const [name, columns] of this.#rows)
      for (const column of columns) column.length = mark.rows.get(name) ?? 0;
    this.#itemMoves = new Map();
    for (const how of this.#undo.reverse()) how();
    this.audit.length = mark.audit;
    return true;
  }

  /** Runs one item alone, under its own savepoint. What it throws is for the caller, after the rollback. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const mark = this.mark();
    this.send('SAVEPOINT item');
    try {
      const result = await work();
      await this.promote();
      await this.settled();
      this.send('RELEASE SAVEPOINT item');
      return result;
    } catch (thrown) {
      this.#rows.clear();
      await this.#last;
      this.#failed = undefined;
      this.#itemMoves = new Map();
      this.audit.length = mark.audit;
      this.promotions.clear();
      this.owners.forget();
      this.send('ROLLBACK TO SAVEPOINT item');
      this.send('RELEASE SAVEPOINT item');
      throw thrown;
    }
  }

  #keepMoves(): void {
    for (const [name, by] of this.#itemMoves) this.#moves.set(name, (this.#moves.get(name) ?? 0) + by);
    this.#itemMoves.clear();
  }

  /** Lets the next delivery of a record through where none before it is open any more. */
  async promote(): Promise<void> {
    if (this.promotions.size === 0) return;
    const pairs = [...this.promotions.values()];
    this.promotions.clear();
    const rows = await this.all(promoteSql, [pairs.map(([rid]) => rid), pairs.map(([, did]) => did)]);
    for (const row of rows) {
      const did = integer(row, 'did');
      const priority = integer(row, 'priority');
      this.count(`delivery:${did}:1:${priority}`, -1);
      this.count(`delivery:${did}:0:${priority}`, 1);
      this.hinted.add(this.destinationName(did));
    }
  }

  /** Last step before a commit; the counters go with it, unless something must be waited for. */
  async finish(stripe: number): Promise<void> {
    await this.promote();
    this.flush();
    // Items are counted when their statement has answered.
    if (this.#itemsSent) await this.settled();
    await this.audit.write();
    this.#keepMoves();
    const moves = [...this.#moves].filter(([, by]) => by !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
    if (moves.length > 0)
      this.send(countersSql, [stripe, moves.map(([name]) => name), moves.map(([, by]) => by)]);
  }

  /** What watchers are told after the commit. */
  takeHint(): CommitHint | undefined {
    return this.stages.size + this.hinted.size === 0
      ? undefined
      : { stages: [...this.stages], destinations: [...this.hinted], position: this.#position };
  }

  async id(): Promise<number> {
    if (this.house.ids.left === 0) await this.house.ids.ensure(this, 1);
    return this.house.ids.next();
  }

  destination(name: string): number | Promise<number> {
    return this.house.destinations.of(name);
  }

  destinationName(did: number): string {
    return this.house.destinations.name(did);
  }
}

const itemBook: Readonly<Record<string, string>> = { message: 'item.messages', status: 'item.statuses' };

const countersSql = `INSERT INTO counters (stripe, name, value) SELECT $1::int, name, value FROM unnest($2::text[], $3::bigint[]) AS r (name, value)
  ON CONFLICT (stripe, name) DO UPDATE SET value = counters.value + excluded.value`;

const promoteSql = `WITH pairs AS (SELECT * FROM unnest($1::bigint[], $2::int[]) AS r (rid, did)),
  foremost AS (
    SELECT DISTINCT ON (d.rid, d.did) d.rid, d.sequence, d.did, d.state FROM pairs
    JOIN deliveries d ON d.rid = pairs.rid AND d.did = pairs.did
    WHERE d.state < 4 ORDER BY d.rid, d.did, d.sequence
  )
  UPDATE deliveries d SET state = 0, due_at = 0, lease_until = 0, token = d.token + 1 FROM foremost f
  WHERE f.state = 1 AND d.rid = f.rid AND d.sequence = f.sequence AND d.did = f.did AND d.state = 1
  RETURNING d.did, d.priority`;
