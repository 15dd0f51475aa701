/**
 * Every stage's rows carry the same four columns: `due_at` (claimable from), `lease_until` (claimed
 * until), `token` (grows with every claim and every ending), `attempt`. `*_id` texts are the ids of the
 * contract; `eid`, `rid`, `mid`, `cid` the integer keys that rows refer to each other by.
 *
 * An entrance's own message has the envelope's key (`envelope_keys.mid`), its content is sealed with the
 * envelope's, and it stands in no row of `item_keys` and `items`: one message is one key, one seal.
 *
 * `lookups` are ordered by the record's block first (`rid >> 10`): the hashes of new records fall on a few
 * pages instead of anywhere, and a search asks each block in turn.
 *
 * Deliveries: state 0 ready, 1 behind an open one of the same record and destination, 2 ready but not
 * before `due_at`, 3 claimed, 4 delivered, 5 dead, 6 erased. Only 0 stands in the claim index.
 */
export const first = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sealing_keys (id INTEGER PRIMARY KEY, probe BLOB NOT NULL) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE envelopes (
  eid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, adapter TEXT NOT NULL, account TEXT NOT NULL,
  received_at INTEGER NOT NULL, accepted_at INTEGER NOT NULL, entrance INTEGER NOT NULL,
  state TEXT NOT NULL, code TEXT, detail TEXT, bytes INTEGER NOT NULL, blob_id TEXT,
  urgent INTEGER NOT NULL, dek BLOB, sealed BLOB,
  due_at INTEGER NOT NULL, lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX envelopes_unread ON envelopes (urgent, due_at) WHERE state = 'unread';
CREATE INDEX envelopes_quarantined ON envelopes (eid) WHERE state = 'quarantined';
CREATE INDEX envelopes_received ON envelopes (received_at);
CREATE INDEX envelopes_blob ON envelopes (blob_id) WHERE blob_id IS NOT NULL;
CREATE TABLE envelope_keys (hash BLOB PRIMARY KEY, content BLOB NOT NULL, eid INTEGER NOT NULL, mid INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE item_keys (hash BLOB PRIMARY KEY, content BLOB NOT NULL, mid INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE items (
  eid INTEGER NOT NULL, hash BLOB NOT NULL, kind TEXT NOT NULL, mid INTEGER, code TEXT, detail TEXT,
  PRIMARY KEY (eid, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_failed ON items (eid, hash) WHERE kind = 'failed';
CREATE INDEX items_message ON items (mid) WHERE mid IS NOT NULL;

CREATE TABLE parts (
  pid INTEGER PRIMARY KEY, eid INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, wait TEXT NOT NULL,
  kind TEXT NOT NULL, blob_id TEXT, reason TEXT, urgent INTEGER NOT NULL, sealed BLOB NOT NULL,
  due_at INTEGER NOT NULL, lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (eid, key)
) STRICT;
CREATE INDEX parts_pending ON parts (urgent, due_at) WHERE state IN ('pending', 'retrying');
CREATE INDEX parts_blob ON parts (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE conversations (
  cid INTEGER PRIMARY KEY, account TEXT NOT NULL, adapter TEXT NOT NULL, sender BLOB NOT NULL, rid INTEGER,
  due_at INTEGER, latest_at INTEGER,
  lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (sender, account)
) STRICT;
CREATE INDEX conversations_due ON conversations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX conversations_record ON conversations (rid) WHERE rid IS NOT NULL;

CREATE TABLE messages (
  mid INTEGER PRIMARY KEY, id TEXT NOT NULL, eid INTEGER NOT NULL, own INTEGER NOT NULL, cid INTEGER, rid INTEGER,
  account TEXT NOT NULL, adapter TEXT NOT NULL, channel TEXT NOT NULL, received_at INTEGER NOT NULL, said_at INTEGER NOT NULL,
  revision INTEGER NOT NULL, placed INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, due INTEGER NOT NULL, sealed BLOB,
  restored INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX messages_id ON messages (id) WHERE own = 0;
CREATE INDEX messages_due ON messages (cid, said_at) WHERE due = 1;
CREATE INDEX messages_conversation ON messages (cid) WHERE cid IS NOT NULL;
CREATE INDEX messages_envelope ON messages (eid);
CREATE INDEX messages_record ON messages (rid) WHERE rid IS NOT NULL;
CREATE INDEX messages_not_a_case ON messages (mid) WHERE state = 'not-a-case';
CREATE TABLE message_revisions (
  mid INTEGER NOT NULL, revision INTEGER NOT NULL, eid INTEGER NOT NULL, content BLOB NOT NULL, sealed BLOB,
  PRIMARY KEY (mid, revision)
) STRICT;

CREATE TABLE records (
  rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, status TEXT NOT NULL,
  kind TEXT NOT NULL, application_type TEXT NOT NULL, topic TEXT, channel TEXT NOT NULL, account TEXT NOT NULL, unit TEXT,
  district TEXT, neighbourhood TEXT, urgency TEXT NOT NULL, confidential INTEGER NOT NULL,
  received_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, promise_due_at INTEGER, promise_met_at INTEGER, promise_rings_at INTEGER,
  erased INTEGER NOT NULL DEFAULT 0, dek BLOB, lookups BLOB,
  pin_wrong INTEGER NOT NULL DEFAULT 0, pin_locked_until INTEGER
) STRICT;
CREATE INDEX records_received ON records (received_at);
CREATE INDEX records_status ON records (status, received_at);
CREATE INDEX records_unit ON records (unit, received_at) WHERE unit IS NOT NULL;
CREATE INDEX records_promise ON records (promise_due_at) WHERE promise_due_at IS NOT NULL AND promise_met_at IS NULL AND erased = 0;
CREATE INDEX records_promise_rings ON records (promise_rings_at) WHERE promise_rings_at IS NOT NULL;
CREATE TABLE record_versions (vid INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE lookups (block INTEGER NOT NULL, hash BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (block, hash, rid)) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL, rid INTEGER NOT NULL, sequence INTEGER NOT NULL, version INTEGER NOT NULL,
  name TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL, key BLOB, sealed BLOB,
  UNIQUE (rid, sequence)
) STRICT;
CREATE UNIQUE INDEX events_key ON events (rid, key) WHERE key IS NOT NULL;
CREATE TABLE event_bodies (position INTEGER NOT NULL, profile TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (position, profile)) STRICT;
CREATE TABLE destinations (did INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY, position INTEGER NOT NULL, rid INTEGER NOT NULL, did INTEGER NOT NULL, profile TEXT NOT NULL,
  state INTEGER NOT NULL, outside INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL, created_at INTEGER NOT NULL, code TEXT, detail TEXT, settled_at INTEGER,
  due_at INTEGER NOT NULL, lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deliveries_ready ON deliveries (did, priority, id) WHERE state = 0;
CREATE INDEX deliveries_waiting ON deliveries (did, due_at) WHERE state = 2;
CREATE INDEX deliveries_claimed ON deliveries (did, lease_until) WHERE state = 3;
CREATE INDEX deliveries_open ON deliveries (rid, did, id) WHERE state < 4;
CREATE INDEX deliveries_dead ON deliveries (did, id) WHERE state = 5;

CREATE TABLE notices (
  nid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rid INTEGER NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
  channel TEXT NOT NULL, account TEXT NOT NULL, template TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
  created_at INTEGER NOT NULL, sent_at INTEGER, ref TEXT, reason TEXT, code TEXT, settled_at INTEGER, sealed BLOB,
  open INTEGER NOT NULL, verdict INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL, lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (event_id, kind, step)
) STRICT;
CREATE INDEX notices_due ON notices (due_at) WHERE open = 1;
CREATE INDEX notices_ref ON notices (ref, account) WHERE ref IS NOT NULL;
CREATE INDEX notices_record ON notices (rid);
CREATE INDEX notices_dead ON notices (nid) WHERE code IS NOT NULL;
CREATE TABLE reports (account TEXT NOT NULL, ref TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT, PRIMARY KEY (account, ref, state)) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
  tid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, rid INTEGER, fresh INTEGER NOT NULL DEFAULT 1, code TEXT, detail TEXT,
  due_at INTEGER NOT NULL, lease_until INTEGER NOT NULL DEFAULT 0, token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX timers_due ON timers (due_at) WHERE code IS NULL;
CREATE INDEX timers_record ON timers (rid) WHERE rid IS NOT NULL;
CREATE TABLE cursors (account TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE leases (account TEXT PRIMARY KEY, holder TEXT NOT NULL, fence INTEGER NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE number_blocks (prefix TEXT NOT NULL, year INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (prefix, year)) STRICT, WITHOUT ROWID;

CREATE TABLE callbacks (
  id TEXT PRIMARY KEY, rid INTEGER, sealed BLOB, created_at INTEGER NOT NULL, closed_at INTEGER, closed_by TEXT
) STRICT;
CREATE INDEX callbacks_created ON callbacks (created_at, id);
CREATE INDEX callbacks_record ON callbacks (rid) WHERE rid IS NOT NULL;
CREATE TABLE opt_outs (hash BLOB PRIMARY KEY, out INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, scopes TEXT NOT NULL, account TEXT, queues TEXT,
  created_at INTEGER NOT NULL, revoked_at INTEGER, rate_limited INTEGER NOT NULL
) STRICT;
CREATE TABLE uploads (id TEXT PRIMARY KEY, owner TEXT NOT NULL, blob_id TEXT NOT NULL, rid INTEGER, created_at INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE INDEX uploads_unused ON uploads (created_at) WHERE rid IS NULL;
CREATE INDEX uploads_blob ON uploads (blob_id);
CREATE INDEX uploads_record ON uploads (rid) WHERE rid IS NOT NULL;
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
  detail TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
`;
