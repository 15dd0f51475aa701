import type { CommitHint, Reached, Stage } from '@kapi/contract';
import { keyedHash } from '../../../sealing/index.ts';
import { auditHash, auditStart } from '../../shared/audit-chain.ts';
import { integer, text } from '../../shared/rows.ts';
import type { Connection } from '../connection.ts';
import type { Documents } from '../documents.ts';

/** What the verbs of one group share: connection, documents, books, audit chain, hints. */
export class Writing {
  readonly connection: Connection;
  readonly documents: Documents;
  readonly institution: string;
  /** Moves of counters not yet written, since the item under way began and since the group began. */
  #itemMoves = new Map<string, number>();
  #groupMoves = new Map<string, number>();
  readonly #destinations = new Map<string, number>();
  readonly #destinationNames = new Map<number, string>();
  readonly stages = new Set<Stage>();
  readonly hinted = new Set<string>();
  readonly dropped = new Set<string>();
  /** Rows of this group that could not be opened. */
  readonly damaged: string[] = [];
  /** How far the changes of the item under way went; for its outcome. */
  #reached: { [K in keyof Reached]: number } | undefined;
  /** Something was erased that the log still holds. */
  erased = false;
  #position = 0;
  readonly #rows: Readonly<
    Record<'envelopes' | 'messages' | 'records', { key: string; rows: { next?: number } }>
  > = {
    envelopes: { key: 'eid', rows: {} },
    messages: { key: 'mid', rows: {} },
    records: { key: 'rid', rows: {} },
  };

  constructor(connection: Connection, documents: Documents, institution: string) {
    this.connection = connection;
    this.documents = documents;
    this.institution = institution;
  }

  /** Keyed hash within a scope: equal for equal values, says nothing without the index key. */
  hash(kind: string, value: string): Buffer {
    return keyedHash(this.documents.ring, kind, value);
  }

  /** Moves a counter of the books; written in the transaction of what it counts. */
  count(name: string, by: number): void {
    this.#itemMoves.set(name, (this.#itemMoves.get(name) ?? 0) + by);
  }

  reach(what: keyof Reached, by: number): void {
    this.#reached = { ...this.#reached, [what]: (this.#reached?.[what] ?? 0) + by };
  }

  /** What was reached since the last asking. */
  takeReached(): Reached | undefined {
    const reached = this.#reached;
    this.#reached = undefined;
    return reached;
  }

  /**
   * The integer key of a row to come. One writer gives them out, so a row can be named before it stands;
   * one that was undone leaves a gap.
   */
  nextRow(table: 'envelopes' | 'messages' | 'records'): number {
    const { key, rows } = this.#rows[table];
    const next =
      rows.next ??
      integer(this.connection.get(`SELECT coalesce(max(${key}), 0) + 1 AS next FROM ${table}`) ?? {}, 'next');
    rows.next = next + 1;
    return next;
  }

  wake(stage: Stage): void {
    this.stages.add(stage);
  }

  sawPosition(position: number): void {
    this.#position = Math.max(this.#position, position);
  }

  /** Runs one item of a verb under its own savepoint. What it throws is for the caller, after the rollback. */
  item<T>(work: () => T): T {
    this.connection.run('SAVEPOINT item');
    try {
      const result = work();
      this.connection.run('RELEASE item');
      for (const [name, by] of this.#itemMoves)
        this.#groupMoves.set(name, (this.#groupMoves.get(name) ?? 0) + by);
      return result;
    } catch (thrown) {
      this.documents.forget();
      this.#forgetDestinations();
      if (this.connection.db.isTransaction) {
        this.connection.run('ROLLBACK TO item');
        this.connection.run('RELEASE item');
      }
      throw thrown;
    } finally {
      if (this.#itemMoves.size > 0) this.#itemMoves = new Map();
    }
  }

  /** Last step before a commit. */
  writeCounters(): void {
    for (const [name, by] of this.#groupMoves)
      if (by !== 0)
        this.connection.run(
          'INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value',
          name,
          by,
        );
  }

  /** What watchers are told after the commit. */
  takeHint(): CommitHint | undefined {
    const hint =
      this.stages.size + this.hinted.size === 0
        ? undefined
        : { stages: [...this.stages], destinations: [...this.hinted], position: this.#position };
    return hint;
  }

  begin(): void {
    this.#groupMoves = new Map();
    this.#itemMoves = new Map();
    this.stages.clear();
    this.hinted.clear();
    this.dropped.clear();
    this.damaged.length = 0;
  }

  /** After a rollback of the whole group. */
  rolledBack(): void {
    this.begin();
    this.documents.forget();
    this.#forgetDestinations();
  }

  #forgetDestinations(): void {
    this.#destinations.clear();
    this.#destinationNames.clear();
  }

  destination(name: string): number {
    const known = this.#destinations.get(name);
    if (known !== undefined) return known;
    const row = this.connection.get('SELECT did FROM destinations WHERE name = ?', name);
    const did = row
      ? integer(row, 'did')
      : this.connection.run('INSERT INTO destinations (name) VALUES (?)', name).rowid;
    this.#destinations.set(name, did);
    this.#destinationNames.set(did, name);
    return did;
  }

  destinationName(did: number): string {
    const known = this.#destinationNames.get(did);
    if (known !== undefined) return known;
    const row = this.connection.get('SELECT name FROM destinations WHERE did = ?', did);
    if (!row) throw new Error('A delivery has no destination.');
    const name = text(row, 'name');
    this.#destinationNames.set(did, name);
    return name;
  }

  /** Appends a row to the audit chain: its hash covers the row and the hash before it. */
  audit(at: number, actor: string, action: string, subject: string, detail: string): void {
    const last = this.connection.get('SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1');
    const sequence = last ? integer(last, 'sequence') + 1 : 1;
    const row = { sequence, at, actor, action, subject, detail };
    this.connection.run(
      'INSERT INTO audit (sequence, at, actor, action, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
      sequence,
      at,
      actor,
      action,
      subject,
      detail,
      auditHash(last?.hash instanceof Uint8Array ? last.hash : auditStart, row),
    );
  }
}
