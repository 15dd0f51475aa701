import { type Urgency, urgencies } from '@kapi/contract';
import { newDataKey, unwrapDataKey } from '../../../sealing/index.ts';
import { Abort } from '../../shared/abort.ts';
import { integer, maybeBytes, type Row, text, word } from '../../shared/rows.ts';
import type { Owner } from '../../shared/sealed.ts';
import type { Writing } from './writing.ts';

export interface RecordOwner extends Owner {
  readonly version: number;
  readonly urgency: Urgency;
  /** Hashes of its lookups, one after the other. */
  readonly lookups: Uint8Array | undefined;
}
export interface EnvelopeOwner extends Owner {
  readonly urgent: number;
  /** Made by this transaction. */
  readonly fresh: boolean;
}

const recordSql =
  'SELECT rid, id, dek, version, urgency, lookups FROM records WHERE id = ANY($1::text[]) ORDER BY rid FOR NO KEY UPDATE';
const envelopeSql = 'SELECT eid, id, dek, urgent FROM envelopes WHERE id = ANY($1::text[])';

/**
 * Records and envelopes that a transaction writes to, with their data keys. A record's row is locked for as
 * long: of its versions, events and deliveries there is one writer at a time, and none beside its erasure.
 */
export class Owners {
  readonly #writing: Writing;
  readonly #records = new Map<string, RecordOwner>();
  readonly #envelopes = new Map<string, EnvelopeOwner>();

  constructor(writing: Writing) {
    this.#writing = writing;
  }

  forget(): void {
    this.#records.clear();
    this.#envelopes.clear();
  }
  forgetRecord(id: string): void {
    this.#records.delete(id);
  }

  /** Fetches many at once, in order of their keys, so that no two writers wait for each other. */
  async prefetch(records: ReadonlySet<string>, envelopes: ReadonlySet<string>): Promise<void> {
    const { all } = this.#bound();
    const [foundRecords, foundEnvelopes] = await Promise.all([
      records.size > 0 ? all(recordSql, [[...records]]) : [],
      envelopes.size > 0 ? all(envelopeSql, [[...envelopes]]) : [],
    ]);
    for (const row of foundRecords) this.#toRecord(row);
    for (const row of foundEnvelopes) this.#toEnvelope(row);
  }
  #bound() {
    return { all: this.#writing.all.bind(this.#writing) };
  }

  #toRecord(row: Row): RecordOwner {
    const id = text(row, 'id');
    const dek = maybeBytes(row, 'dek');
    const owner: RecordOwner = {
      id,
      row: integer(row, 'rid'),
      key: dek && unwrapDataKey(this.#writing.house.ring, dek, id),
      version: integer(row, 'version'),
      urgency: word(row, 'urgency', urgencies),
      lookups: maybeBytes(row, 'lookups'),
    };
    this.#records.set(id, owner);
    return owner;
  }
  #toEnvelope(row: Row): EnvelopeOwner {
    const id = text(row, 'id');
    const dek = maybeBytes(row, 'dek');
    const owner: EnvelopeOwner = {
      id,
      row: integer(row, 'eid'),
      key: dek && unwrapDataKey(this.#writing.house.ring, dek, id),
      urgent: integer(row, 'urgent'),
      fresh: false,
    };
    this.#envelopes.set(id, owner);
    return owner;
  }

  rememberRecord(owner: RecordOwner): RecordOwner {
    const before = this.#records.get(owner.id);
    this.#writing.undo(() => {
      if (before) this.#records.set(owner.id, before);
      else this.#records.delete(owner.id);
    });
    this.#records.set(owner.id, owner);
    return owner;
  }
  rememberEnvelope(owner: EnvelopeOwner): EnvelopeOwner {
    this.#writing.undo(() => this.#envelopes.delete(owner.id));
    this.#envelopes.set(owner.id, owner);
    return owner;
  }

  async record(id: string): Promise<RecordOwner | undefined> {
    const known = this.#records.get(id);
    if (known) return known;
    const [row] = await this.#writing.all(recordSql, [[id]]);
    return row && this.#toRecord(row);
  }

  /** @throws Abort `not_found` */
  async recordOf(id: string): Promise<RecordOwner> {
    const owner = await this.record(id);
    if (!owner) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such record.' });
    return owner;
  }

  /** The owner with a key: an erased record that is written to again gets a fresh one. @throws Abort */
  async keyed(id: string): Promise<RecordOwner> {
    const owner = await this.recordOf(id);
    if (owner.key) return owner;
    const { key, wrapped } = newDataKey(this.#writing.house.ring, id);
    this.#writing.send('UPDATE records SET dek = $1 WHERE rid = $2', [wrapped, owner.row]);
    return this.rememberRecord({ ...owner, key });
  }

  /** @throws Abort `not_found` */
  async envelopeOf(id: string): Promise<EnvelopeOwner> {
    const known = this.#envelopes.get(id);
    if (known) return known;
    const [row] = await this.#writing.all(envelopeSql, [[id]]);
    if (!row) throw new Abort({ result: 'failed', code: 'not_found', detail: 'There is no such envelope.' });
    return this.#toEnvelope(row);
  }
}
