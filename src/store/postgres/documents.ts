import type { Callback, Upload } from '@kapi/contract';
import { type DataKey, type KeyRing, open, unwrapDataKey } from '../../sealing/index.ts';
import type {
  PackedEnvelopeWork,
  PackedMessageWork,
  PackedNoticeWork,
  PackedPartWork,
} from '../shared/command.ts';
import { toCallback, toNoticeWork } from '../shared/mapping.ts';
import {
  bytes,
  fromJson,
  integer,
  maybeBytes,
  maybeInteger,
  maybeText,
  type Row,
  text,
} from '../shared/rows.ts';
import { isDamage, type Owner, openEnvelope, openFrom } from '../shared/sealed.ts';
import type { Queries } from './session.ts';

/** A record and its current document, where it has not been erased. */
export interface OpenedRecord {
  readonly owner: Owner;
  readonly doc: string;
}

/** What could be opened, or why not: one damaged row takes no other along. */
export type Opening<T> = { readonly opened: T } | { readonly damage: Error };

export function opening<T>(open_: () => T): Opening<T> {
  try {
    return { opened: open_() };
  } catch (thrown) {
    if (isDamage(thrown)) return { damage: thrown };
    throw thrown;
  }
}
/** @throws what it was damaged by */
export function orThrow<T>(outcome: Opening<T> | undefined): T | undefined {
  if (outcome === undefined) return undefined;
  if ('damage' in outcome) throw outcome.damage;
  return outcome.opened;
}

/** Columns that `ownerIn` reads, of a record or an envelope joined to other rows. */
export const recordColumns = 'records.id AS owner_id, records.dek AS owner_dek';
export const envelopeColumns = 'envelopes.id AS owner_id, envelopes.dek AS owner_dek';

/** Opens sealed documents. Rows come joined to their owners; nothing is remembered from one question to the next. */
export class Documents {
  readonly #queries: Queries;
  readonly #ring: KeyRing;
  readonly #house: DataKey;

  constructor(queries: Queries, ring: KeyRing, house: DataKey) {
    this.#queries = queries;
    this.#ring = ring;
    this.#house = house;
  }

  /** The owner in a row that bears `owner_id`, `owner_dek` and its integer key. */
  ownerIn(row: Row, key: 'rid' | 'eid'): Owner {
    const id = text(row, 'owner_id');
    const dek = maybeBytes(row, 'owner_dek');
    return { id, row: integer(row, key), key: dek && unwrapDataKey(this.#ring, dek, id) };
  }

  /** From columns of `envelopes`. */
  envelope(row: Row): PackedEnvelopeWork | undefined {
    const owner = this.ownerIn({ ...row, owner_id: row.id, owner_dek: row.dek }, 'eid');
    const opened = openEnvelope(owner, maybeBytes(row, 'sealed'));
    if (!opened) return undefined;
    const blobId = maybeText(row, 'blob_id');
    return {
      id: owner.id,
      adapter: text(row, 'adapter'),
      account: text(row, 'account'),
      head: opened.head,
      body: opened.body,
      ...(blobId !== undefined && { blobId }),
    };
  }

  /** Parts of envelopes, by envelope, in the order in which they came. */
  async parts(eids: readonly number[]): Promise<ReadonlyMap<number, Opening<readonly PackedPartWork[]>>> {
    if (eids.length === 0) return new Map();
    const rows = await this.#queries.all(
      `SELECT parts.eid, key, parts.state, reason, parts.sealed, ${envelopeColumns} FROM parts JOIN envelopes USING (eid)
       WHERE parts.eid = ANY($1::bigint[]) ORDER BY parts.eid, pid`,
      [[...new Set(eids)]],
    );
    const byEnvelope = Map.groupBy(rows, (row) => integer(row, 'eid'));
    return new Map(
      [...byEnvelope].map(([eid, own]) => [
        eid,
        opening(() => own.flatMap((row) => this.part(this.ownerIn(row, 'eid'), row) ?? [])),
      ]),
    );
  }
  part(owner: Owner, row: Row): PackedPartWork | undefined {
    const doc = openFrom(owner, `part:${text(row, 'key')}`, bytes(row, 'sealed'));
    return doc === undefined
      ? undefined
      : { state: text(row, 'state'), reason: maybeText(row, 'reason'), doc };
  }

  /** Current documents of records by their keys; those that were erased are absent. */
  async records(rids: readonly number[]): Promise<ReadonlyMap<number, Opening<OpenedRecord>>> {
    if (rids.length === 0) return new Map();
    const rows = await this.#queries.all(
      `SELECT records.rid, records.version, record_versions.sealed, ${recordColumns} FROM records JOIN record_versions USING (rid, version)
       WHERE records.rid = ANY($1::bigint[])`,
      [[...new Set(rids)]],
    );
    const found = new Map<number, Opening<OpenedRecord>>();
    for (const row of rows) {
      const outcome = opening(() => {
        const owner = this.ownerIn(row, 'rid');
        const doc = openFrom(owner, `record:${integer(row, 'version')}`, maybeBytes(row, 'sealed'));
        return doc === undefined ? undefined : { owner, doc };
      });
      if ('damage' in outcome) found.set(integer(row, 'rid'), outcome);
      else if (outcome.opened) found.set(integer(row, 'rid'), { opened: outcome.opened });
    }
    return found;
  }
  /** @throws where it is damaged */
  async recordDoc(rid: number): Promise<string | undefined> {
    return orThrow((await this.records([rid])).get(rid))?.doc;
  }

  /**
   * Messages that a condition on `messages` finds, latest revision, each with its row. What a message says is
   * sealed by itself, or, an entrance's own until its envelope goes, with the envelope.
   */
  async messages(
    where: string,
    values: readonly unknown[],
  ): Promise<readonly { readonly row: Row; readonly message: Opening<PackedMessageWork | undefined> }[]> {
    const rows = await this.#queries.all(
      `SELECT messages.*, ${envelopeColumns}, CASE WHEN messages.own = 1 AND messages.sealed IS NULL THEN envelopes.sealed END AS envelope_sealed
       FROM messages JOIN envelopes USING (eid) WHERE ${where} ORDER BY said_at, mid`,
      values,
    );
    const parts = await this.parts(rows.map((row) => integer(row, 'eid')));
    return rows.map((row) => ({ row, message: opening(() => this.#message(row, parts)) }));
  }
  #message(
    row: Row,
    parts: ReadonlyMap<number, Opening<readonly PackedPartWork[]>>,
  ): PackedMessageWork | undefined {
    const owner = this.ownerIn(row, 'eid');
    const content = messageContent(owner, row);
    if (content === undefined) return undefined;
    return {
      id: text(row, 'id'),
      account: text(row, 'account'),
      adapter: text(row, 'adapter'),
      envelopeId: owner.id,
      revision: integer(row, 'revision'),
      channel: text(row, 'channel'),
      receivedAt: integer(row, 'received_at'),
      saidAt: integer(row, 'said_at'),
      content,
      parts: orThrow(parts.get(owner.row)) ?? [],
      state: text(row, 'state'),
      ...(integer(row, 'restored') === 1 && { restored: true as const }),
    };
  }
  /** Latest revision of the messages in a record, by provider time. */
  async messagesIn(rid: number): Promise<readonly PackedMessageWork[]> {
    const found = await this.messages('messages.rid = $1', [rid]);
    return found.flatMap(({ message }) => orThrow(message) ?? []);
  }

  /** From columns of `notices` with their record's owner. */
  notice(row: Row): PackedNoticeWork | undefined {
    const owner = this.ownerIn(row, 'rid');
    const doc = openFrom(owner, `notice:${text(row, 'id')}`, maybeBytes(row, 'sealed'));
    return doc === undefined ? undefined : toNoticeWork(row, owner.id, doc);
  }

  /** Whose key seals what belongs to no record and no envelope. */
  houseOwner(): Owner {
    return { id: 'house', row: 0, key: this.#house };
  }

  /** From columns of `callbacks`, with their record's owner where they have one. */
  callback(row: Row): Callback | undefined {
    const inRecord = maybeInteger(row, 'rid') !== undefined;
    const owner = inRecord ? this.ownerIn(row, 'rid') : this.houseOwner();
    const doc = openFrom(owner, `callback:${text(row, 'id')}`, maybeBytes(row, 'sealed'));
    return doc === undefined ? undefined : toCallback(row, inRecord ? owner.id : undefined, doc);
  }

  upload(row: Row): Upload {
    return fromJson(open(this.#house, bytes(row, 'sealed'), `house:upload:${text(row, 'id')}`));
  }
}

/** From columns of `messages` with `envelope_sealed` where the envelope holds it. */
export function messageContent(owner: Owner, row: Row): string | undefined {
  const sealed = maybeBytes(row, 'sealed');
  if (sealed) return openFrom(owner, `message:${text(row, 'id')}`, sealed);
  if (integer(row, 'own') === 0 || text(row, 'state') === 'erased') return undefined;
  return openEnvelope(owner, maybeBytes(row, 'envelope_sealed'))?.own;
}
