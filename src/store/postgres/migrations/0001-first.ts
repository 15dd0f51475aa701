/**
 * The same columns as the embedded store's. What differs:
 *
 * Integer keys (`eid`, `rid`, `mid`, `nid` …) are the month since January 2020 times 2^44 plus a number of
 * the sequence `ids`, so that a key alone says in which month's partition its row stands. What belongs to a
 * record stands in the record's month. Tables that others are found by (records, lookups, keys, what is
 * due) are not partitioned; `envelope_keys` and `item_keys` are never dropped.
 *
 * `worker` is the process that has a row in hand, 0 for a reader outside.
 *
 * `counters` have a row per name and stripe; a connection that writes has a stripe to itself, readers sum.
 */
export const first = `
CREATE SEQUENCE ids INCREMENT BY 1024;
CREATE SEQUENCE positions;
CREATE SEQUENCE workers;

CREATE TABLE meta (name text PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE sealing_keys (id bigint PRIMARY KEY, probe bytea NOT NULL);
CREATE TABLE counters (stripe integer NOT NULL, name text NOT NULL, value bigint NOT NULL, PRIMARY KEY (stripe, name)) WITH (fillfactor = 50);

CREATE TABLE envelopes (
  eid bigint PRIMARY KEY, id text NOT NULL, adapter text NOT NULL, account text NOT NULL,
  received_at bigint NOT NULL, accepted_at bigint NOT NULL, entrance smallint NOT NULL,
  state text NOT NULL, code text, detail text, bytes bigint NOT NULL, blob_id text,
  urgent smallint NOT NULL, dek bytea, sealed bytea,
  due_at bigint NOT NULL, lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0
) PARTITION BY RANGE (eid);
CREATE INDEX ON envelopes (id);
CREATE INDEX ON envelopes (urgent DESC, due_at, eid) WHERE state = 'unread';
CREATE INDEX ON envelopes (eid) WHERE state = 'quarantined';
CREATE INDEX ON envelopes (received_at, eid);
CREATE INDEX ON envelopes (blob_id) WHERE blob_id IS NOT NULL;
CREATE TABLE envelope_keys (hash bytea PRIMARY KEY, content bytea NOT NULL, eid bigint NOT NULL, mid bigint);

CREATE TABLE item_keys (hash bytea PRIMARY KEY, content bytea NOT NULL, mid bigint);
CREATE TABLE items (
  eid bigint NOT NULL, hash bytea NOT NULL, kind text NOT NULL, mid bigint, code text, detail text,
  PRIMARY KEY (eid, hash)
) PARTITION BY RANGE (eid);
CREATE INDEX ON items (eid, hash) WHERE kind = 'failed';
CREATE INDEX ON items (mid) WHERE mid IS NOT NULL;

CREATE TABLE parts (
  pid bigint NOT NULL, eid bigint NOT NULL, key text NOT NULL, state text NOT NULL, wait text NOT NULL,
  kind text NOT NULL, blob_id text, reason text, urgent smallint NOT NULL, sealed bytea NOT NULL,
  due_at bigint NOT NULL, lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (eid, key)
) PARTITION BY RANGE (eid);
CREATE INDEX ON parts (urgent DESC, due_at, pid) WHERE state IN ('pending', 'retrying');
CREATE INDEX ON parts (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE conversations (
  cid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, adapter text NOT NULL, sender bytea NOT NULL, rid bigint,
  due_at bigint, latest_at bigint,
  lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0,
  UNIQUE (sender, account)
);
CREATE INDEX ON conversations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON conversations (rid) WHERE rid IS NOT NULL;

CREATE TABLE messages (
  mid bigint PRIMARY KEY, id text NOT NULL, eid bigint NOT NULL, own smallint NOT NULL, cid bigint, rid bigint,
  account text NOT NULL, adapter text NOT NULL, channel text NOT NULL, received_at bigint NOT NULL, said_at bigint NOT NULL,
  revision integer NOT NULL, placed integer NOT NULL, state text NOT NULL, reason text, due smallint NOT NULL, sealed bytea,
  restored smallint NOT NULL DEFAULT 0
) PARTITION BY RANGE (mid);
CREATE INDEX ON messages (id) WHERE own = 0;
CREATE INDEX ON messages (cid, said_at) WHERE due = 1;
CREATE INDEX ON messages (cid) WHERE cid IS NOT NULL;
CREATE INDEX ON messages (eid);
CREATE INDEX ON messages (rid) WHERE rid IS NOT NULL;
CREATE INDEX ON messages (mid) WHERE state = 'not-a-case';
CREATE TABLE message_revisions (
  mid bigint NOT NULL, revision integer NOT NULL, eid bigint NOT NULL, content bytea NOT NULL, sealed bytea,
  PRIMARY KEY (mid, revision)
) PARTITION BY RANGE (mid);

CREATE TABLE records (
  rid bigint PRIMARY KEY, id text NOT NULL UNIQUE, number text NOT NULL UNIQUE, version integer NOT NULL, status text NOT NULL,
  kind text NOT NULL, application_type text NOT NULL, topic text, channel text NOT NULL, account text NOT NULL, unit text,
  district text, neighbourhood text, urgency text NOT NULL, confidential smallint NOT NULL,
  received_at bigint NOT NULL, updated_at bigint NOT NULL, promise_due_at bigint, promise_met_at bigint, promise_rings_at bigint,
  erased smallint NOT NULL DEFAULT 0, dek bytea, lookups bytea,
  pin_wrong integer NOT NULL DEFAULT 0, pin_locked_until bigint
) WITH (fillfactor = 90);
CREATE INDEX ON records (received_at, rid);
CREATE INDEX ON records (status, received_at);
CREATE INDEX ON records (unit, received_at) WHERE unit IS NOT NULL;
CREATE INDEX ON records (promise_due_at, rid) WHERE promise_due_at IS NOT NULL AND promise_met_at IS NULL AND erased = 0;
CREATE INDEX ON records (promise_rings_at) WHERE promise_rings_at IS NOT NULL;
CREATE TABLE record_versions (rid bigint NOT NULL, version integer NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (rid, version)) PARTITION BY RANGE (rid);
CREATE TABLE lookups (hash bytea NOT NULL, rid bigint NOT NULL, PRIMARY KEY (hash, rid));

CREATE TABLE events (
  rid bigint NOT NULL, sequence integer NOT NULL, position bigint NOT NULL, id text NOT NULL, version integer NOT NULL,
  name text NOT NULL, at text NOT NULL, actor text NOT NULL, key bytea, sealed bytea,
  PRIMARY KEY (rid, sequence)
) PARTITION BY RANGE (rid);
CREATE INDEX ON events (position);
CREATE UNIQUE INDEX ON events (rid, key) WHERE key IS NOT NULL;
CREATE TABLE event_bodies (rid bigint NOT NULL, sequence integer NOT NULL, profile text NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (rid, sequence, profile)) PARTITION BY RANGE (rid);
CREATE TABLE destinations (did integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE deliveries (
  rid bigint NOT NULL, sequence integer NOT NULL, did integer NOT NULL, id bigint NOT NULL, profile text NOT NULL,
  state smallint NOT NULL, priority smallint NOT NULL, created_at bigint NOT NULL, code text, detail text, settled_at bigint,
  due_at bigint NOT NULL DEFAULT 0, lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rid, sequence, did)
) PARTITION BY RANGE (rid);
CREATE INDEX ON deliveries (did, priority, id) WHERE state = 0;
CREATE INDEX ON deliveries (did, due_at) WHERE state = 2;
CREATE INDEX ON deliveries (did, lease_until) WHERE state = 3;
CREATE INDEX ON deliveries (rid, did, sequence) WHERE state < 4;
CREATE INDEX ON deliveries (did, id) WHERE state = 5;

CREATE TABLE notices (
  rid bigint NOT NULL, nid bigint NOT NULL, id text NOT NULL, event_id text NOT NULL, kind text NOT NULL, step integer NOT NULL,
  channel text NOT NULL, account text NOT NULL, template text NOT NULL, language text NOT NULL, state text NOT NULL,
  created_at bigint NOT NULL, sent_at bigint, ref text, reason text, code text, settled_at bigint, sealed bytea,
  open smallint NOT NULL, verdict smallint NOT NULL DEFAULT 0,
  due_at bigint NOT NULL, lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rid, nid),
  UNIQUE (rid, event_id, kind, step)
) PARTITION BY RANGE (rid);
CREATE INDEX ON notices (due_at) WHERE open = 1;
CREATE INDEX ON notices (ref, account) WHERE ref IS NOT NULL;
CREATE INDEX ON notices (id);
CREATE INDEX ON notices (nid) WHERE code IS NOT NULL;
CREATE TABLE reports (account text NOT NULL, ref text NOT NULL, state text NOT NULL, at bigint NOT NULL, reason text, PRIMARY KEY (account, ref, state));

CREATE TABLE timers (
  id text PRIMARY KEY, kind text NOT NULL, rid bigint, fresh smallint NOT NULL DEFAULT 1, code text, detail text,
  due_at bigint NOT NULL, lease_until bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0, attempt integer NOT NULL DEFAULT 0, worker bigint NOT NULL DEFAULT 0
);
CREATE INDEX ON timers (due_at) WHERE code IS NULL;
CREATE INDEX ON timers (rid) WHERE rid IS NOT NULL;
CREATE TABLE cursors (account text PRIMARY KEY, cursor text NOT NULL);
CREATE TABLE leases (account text PRIMARY KEY, holder text NOT NULL, fence bigint NOT NULL, until bigint NOT NULL, worker bigint NOT NULL);
CREATE TABLE number_blocks (prefix text NOT NULL, year integer NOT NULL, next bigint NOT NULL, PRIMARY KEY (prefix, year));

CREATE TABLE callbacks (
  nth bigint GENERATED ALWAYS AS IDENTITY, id text PRIMARY KEY, rid bigint, sealed bytea, created_at bigint NOT NULL, closed_at bigint, closed_by text
);
CREATE INDEX ON callbacks (created_at, nth);
CREATE INDEX ON callbacks (rid) WHERE rid IS NOT NULL;
CREATE TABLE opt_outs (hash bytea PRIMARY KEY, out smallint NOT NULL, at bigint NOT NULL);
CREATE TABLE api_keys (
  id text PRIMARY KEY, hash text NOT NULL UNIQUE, name text NOT NULL, scopes text NOT NULL, account text, queues text,
  created_at bigint NOT NULL, revoked_at bigint, rate_limited smallint NOT NULL
);
CREATE TABLE uploads (id text PRIMARY KEY, owner text NOT NULL, blob_id text NOT NULL, rid bigint, created_at bigint NOT NULL, sealed bytea NOT NULL);
CREATE INDEX ON uploads (created_at) WHERE rid IS NULL;
CREATE INDEX ON uploads (blob_id);
CREATE INDEX ON uploads (rid) WHERE rid IS NOT NULL;
CREATE TABLE audit (
  sequence bigint PRIMARY KEY, at bigint NOT NULL, actor text NOT NULL, action text NOT NULL, subject text NOT NULL,
  detail text NOT NULL, hash bytea NOT NULL
);
`;
