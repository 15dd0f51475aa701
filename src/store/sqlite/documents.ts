import type { Callback, Upload } from '@kapi/contract';
import { type DataKey, type KeyRing, newDataKey, open, unwrapDataKey } from '../../sealing/index.ts';
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
import { type Owner, openEnvelope, openFrom, sealTo } from '../shared/sealed.ts';
import type { Connection } from './connection.ts';

/** Where a version of a record stands: one key for both, so that it needs no second index. */
export const versionId = (rid: number, version: number): number => rid * 2 ** 20 + version;

/** Records whose lookups stand together. */
const blockBits = 10;
export const lookupBlock = (rid: number): number => rid >> blockBits;
/** Records found by any of some hashes, block by block; binds the hashes. */
export const foundByLookup = (hashes: number): string =>
  `WITH RECURSIVE blocks (block) AS (SELECT 0 UNION ALL SELECT block + 1 FROM blocks WHERE block < (SELECT max(rid) >> ${blockBits} FROM records))
   SELECT rid FROM blocks CROSS JOIN lookups USING (block) WHERE hash IN (${Array.from({ length: hashes }, () => '?').join(', ')})`;

/** Owners kept at least; what is older than twice as many is forgotten. */
const cached = 512;

/** Seals and opens the documents of one connection; keeps the data keys of the owners last used. */
export class Documents {
  readonly connection: Connection;
  ring: KeyRing;
  // Two generations: forgetting the older one whole costs nothing, one by one a tenth of an accept.
  #owners = new Map<string, Owner>();
  #older = new Map<string, Owner>();
  #house: DataKey | undefined;

  constructor(connection: Connection, ring: KeyRing) {
    this.connection = connection;
    this.ring = ring;
  }

  /** After a rollback or an erasure: rows may not be what the cache says. */
  forget(): void {
    this.#owners.clear();
    this.#older.clear();
  }

  remember(kind: 'record' | 'envelope', owner: Owner): Owner {
    if (this.#owners.size >= cached) {
      this.#older = this.#owners;
      this.#owners = new Map();
    }
    this.#owners.set(`${kind}:${owner.id}`, owner);
    return owner;
  }
  #known(kind: 'record' | 'envelope', id: string): Owner | undefined {
    const name = `${kind}:${id}`;
    return this.#owners.get(name) ?? this.#older.get(name);
  }

  record(id: string): Owner | undefined {
    return (
      this.#known('record', id) ??
      this.#owner('record', this.connection.get('SELECT rid AS row, id, dek FROM records WHERE id = ?', id))
    );
  }
  recordAt(rid: number): Owner | undefined {
    return this.#owner(
      'record',
      this.connection.get('SELECT rid AS row, id, dek FROM records WHERE rid = ?', rid),
    );
  }
  /** The owner in a row that bears the record's `rid`, `record_id` and `dek`. */
  recordIn(row: Row): Owner | undefined {
    return this.#owner('record', {
      row: integer(row, 'rid'),
      id: text(row, 'record_id'),
      dek: row.dek ?? null,
    });
  }
  envelope(id: string): Owner | undefined {
    return (
      this.#known('envelope', id) ??
      this.#owner(
        'envelope',
        this.connection.get('SELECT eid AS row, id, dek FROM envelopes WHERE id = ?', id),
      )
    );
  }
  envelopeAt(eid: number): Owner | undefined {
    return this.#owner(
      'envelope',
      this.connection.get('SELECT eid AS row, id, dek FROM envelopes WHERE eid = ?', eid),
    );
  }

  #owner(kind: 'record' | 'envelope', row: Row | undefined): Owner | undefined {
    if (!row) return undefined;
    const id = text(row, 'id');
    const known = this.#known(kind, id);
    if (known) return known;
    const dek = maybeBytes(row, 'dek');
    return this.remember(kind, {
      id,
      row: integer(row, 'row'),
      key: dek && unwrapDataKey(this.ring, dek, id),
    });
  }

  /** The key of what belongs to no record and no envelope; made by the writer at the first start. */
  house(): DataKey {
    if (this.#house) return this.#house;
    const row = this.connection.get(`SELECT value FROM meta WHERE name = 'house_key'`);
    if (row) this.#house = unwrapDataKey(this.ring, bytes(row, 'value'), 'house');
    else {
      const { key, wrapped } = newDataKey(this.ring, 'house');
      this.connection.run(`INSERT INTO meta (name, value) VALUES ('house_key', ?)`, wrapped);
      this.#house = key;
    }
    return this.#house;
  }

  houseOwner(): Owner {
    return { id: 'house', row: 0, key: this.house() };
  }

  sealTo(owner: Owner, field: string, plain: string | Uint8Array): Buffer {
    return sealTo(owner, field, plain);
  }
  openFrom(owner: Owner | undefined, field: string, sealed: Uint8Array | undefined): string | undefined {
    return openFrom(owner, field, sealed);
  }

  openEnvelope(row: Row): PackedEnvelopeWork | undefined {
    const owner = this.envelopeAt(integer(row, 'eid'));
    const opened = openEnvelope(owner, maybeBytes(row, 'sealed'));
    if (!owner || !opened) return undefined;
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

  /** What a message says: sealed by itself, or, an entrance's own until its envelope goes, with the envelope. */
  messageContent(owner: Owner | undefined, row: Row): string | undefined {
    const sealed = maybeBytes(row, 'sealed');
    if (sealed) return this.openFrom(owner, `message:${text(row, 'id')}`, sealed);
    if (integer(row, 'own') === 0 || text(row, 'state') === 'erased') return undefined;
    const envelope = this.connection.get('SELECT sealed FROM envelopes WHERE eid = ?', integer(row, 'eid'));
    return openEnvelope(owner, envelope && maybeBytes(envelope, 'sealed'))?.own;
  }

  parts(eid: number): readonly PackedPartWork[] {
    const owner = this.envelopeAt(eid);
    return this.connection
      .all('SELECT key, state, reason, sealed FROM parts WHERE eid = ? ORDER BY pid', eid)
      .flatMap((row) => this.part(owner, row) ?? []);
  }
  part(owner: Owner | undefined, row: Row): PackedPartWork | undefined {
    const doc = this.openFrom(owner, `part:${text(row, 'key')}`, bytes(row, 'sealed'));
    return doc === undefined
      ? undefined
      : { state: text(row, 'state'), reason: maybeText(row, 'reason'), doc };
  }

  /** A version of a record as JSON, or undefined where it has been erased. */
  recordDoc(owner: Owner | undefined, version: number): string | undefined {
    if (!owner) return undefined;
    const row = this.connection.get(
      'SELECT sealed FROM record_versions WHERE vid = ?',
      versionId(owner.row, version),
    );
    return row && this.openFrom(owner, `record:${version}`, bytes(row, 'sealed'));
  }
  currentDoc(rid: number | undefined): string | undefined {
    if (rid === undefined) return undefined;
    const row = this.connection.get('SELECT version FROM records WHERE rid = ?', rid);
    return row && this.recordDoc(this.recordAt(rid), integer(row, 'version'));
  }

  message(row: Row): PackedMessageWork | undefined {
    const eid = integer(row, 'eid');
    const owner = this.envelopeAt(eid);
    const id = text(row, 'id');
    const content = this.messageContent(owner, row);
    if (!owner || content === undefined) return undefined;
    return {
      id,
      account: text(row, 'account'),
      adapter: text(row, 'adapter'),
      envelopeId: owner.id,
      revision: integer(row, 'revision'),
      channel: text(row, 'channel'),
      receivedAt: integer(row, 'received_at'),
      saidAt: integer(row, 'said_at'),
      content,
      parts: this.parts(eid),
      state: text(row, 'state'),
      ...(integer(row, 'restored') === 1 && { restored: true as const }),
    };
  }
  /** Latest revision of the messages in a record, by provider time. */
  messagesIn(rid: number): readonly PackedMessageWork[] {
    return this.connection
      .all('SELECT * FROM messages WHERE rid = ? ORDER BY said_at, mid', rid)
      .flatMap((row) => this.message(row) ?? []);
  }

  notice(row: Row): PackedNoticeWork | undefined {
    const owner = this.recordAt(integer(row, 'rid'));
    const id = text(row, 'id');
    const doc = this.openFrom(owner, `notice:${id}`, maybeBytes(row, 'sealed'));
    if (!owner || doc === undefined) return undefined;
    return toNoticeWork(row, owner.id, doc);
  }

  callback(row: Row): Callback | undefined {
    const rid = maybeInteger(row, 'rid');
    const id = text(row, 'id');
    const sealed = maybeBytes(row, 'sealed');
    const owner = rid === undefined ? this.houseOwner() : this.recordAt(rid);
    const doc = this.openFrom(owner, `callback:${id}`, sealed);
    if (doc === undefined) return undefined;
    return toCallback(row, rid === undefined ? undefined : owner?.id, doc);
  }

  upload(row: Row): Upload {
    return fromJson(open(this.house(), bytes(row, 'sealed'), `house:upload:${text(row, 'id')}`));
  }
}
