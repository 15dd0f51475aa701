import { clearColumns } from '../../shared/pack.ts';

/** How rows are written many at a time: one array a column. */
export interface BatchTable {
  readonly columns: number;
  readonly sql: string;
}

const clearTypes: Readonly<Record<string, string>> = {
  version: 'int',
  confidential: 'smallint',
  received_at: 'bigint',
  promise_due_at: 'bigint',
  promise_met_at: 'bigint',
};

function table(
  name: string,
  columns: Readonly<Record<string, string>>,
  tail = '',
  computed = '',
): BatchTable {
  const names = Object.keys(columns);
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const [target, value] = computed === '' ? ['', ''] : computed.split(' = ').map((part) => `, ${part}`);
  return {
    columns: names.length,
    sql: `INSERT INTO ${name} (${names.join(', ')}${target}) SELECT ${names.join(', ')}${value} FROM unnest(${arrays.join(', ')}) AS r (${names.join(', ')}) ${tail}`,
  };
}

/** In the order in which they are written. */
export const batchTables = {
  envelopes: table('envelopes', {
    eid: 'bigint',
    id: 'text',
    adapter: 'text',
    account: 'text',
    received_at: 'bigint',
    accepted_at: 'bigint',
    entrance: 'smallint',
    state: 'text',
    bytes: 'bigint',
    blob_id: 'text',
    urgent: 'smallint',
    dek: 'bytea',
    sealed: 'bytea',
    due_at: 'bigint',
  }),
  parts: table(
    'parts',
    {
      pid: 'bigint',
      eid: 'bigint',
      key: 'text',
      state: 'text',
      wait: 'text',
      kind: 'text',
      blob_id: 'text',
      reason: 'text',
      sealed: 'bytea',
      due_at: 'bigint',
      urgent: 'smallint',
    },
    `ON CONFLICT (eid, key) DO UPDATE SET state = excluded.state, wait = excluded.wait, kind = excluded.kind,
       blob_id = excluded.blob_id, reason = excluded.reason, sealed = excluded.sealed,
       due_at = CASE excluded.state WHEN 'pending' THEN excluded.due_at ELSE parts.due_at END,
       attempt = CASE excluded.state WHEN 'pending' THEN 0 ELSE parts.attempt END`,
  ),
  records: table('records', {
    rid: 'bigint',
    id: 'text',
    ...Object.fromEntries(clearColumns.map((column) => [column, clearTypes[column] ?? 'text'])),
    updated_at: 'bigint',
    promise_rings_at: 'bigint',
    dek: 'bytea',
    lookups: 'bytea',
  }),
  record_versions: table('record_versions', { rid: 'bigint', version: 'int', sealed: 'bytea' }),
  lookups: table('lookups', { hash: 'bytea', rid: 'bigint' }),
  messages: table('messages', {
    mid: 'bigint',
    id: 'text',
    eid: 'bigint',
    own: 'smallint',
    cid: 'bigint',
    rid: 'bigint',
    account: 'text',
    adapter: 'text',
    channel: 'text',
    received_at: 'bigint',
    said_at: 'bigint',
    revision: 'int',
    placed: 'int',
    state: 'text',
    due: 'smallint',
    sealed: 'bytea',
  }),
  // Only what an envelope shows for the first time is counted: the answer says which.
  items: table(
    'items',
    { eid: 'bigint', hash: 'bytea', kind: 'text', mid: 'bigint', code: 'text', detail: 'text' },
    'ON CONFLICT DO NOTHING RETURNING kind',
  ),
  // Positions are taken after the records' locks: of one record they grow with its versions.
  events: table(
    'events',
    {
      rid: 'bigint',
      sequence: 'int',
      id: 'text',
      version: 'int',
      name: 'text',
      at: 'text',
      actor: 'text',
      key: 'bytea',
      sealed: 'bytea',
    },
    'RETURNING position',
    `position = nextval('positions')`,
  ),
  deliveries: table('deliveries', {
    rid: 'bigint',
    sequence: 'int',
    did: 'int',
    id: 'bigint',
    profile: 'text',
    state: 'smallint',
    priority: 'smallint',
    created_at: 'bigint',
  }),
  endings: {
    columns: 7,
    sql: `UPDATE deliveries d SET state = r.state, due_at = 0, lease_until = 0, token = d.token + 1, settled_at = r.at, code = r.code, detail = r.detail
      FROM unnest($1::bigint[], $2::int[], $3::int[], $4::smallint[], $5::bigint[], $6::text[], $7::text[]) AS r (rid, sequence, did, state, at, code, detail)
      WHERE d.rid = r.rid AND d.sequence = r.sequence AND d.did = r.did`,
  },
  event_bodies: table(
    'event_bodies',
    { rid: 'bigint', sequence: 'int', profile: 'text', sealed: 'bytea' },
    'ON CONFLICT DO NOTHING',
  ),
  notices: table('notices', {
    rid: 'bigint',
    nid: 'bigint',
    id: 'text',
    event_id: 'text',
    kind: 'text',
    step: 'int',
    channel: 'text',
    account: 'text',
    template: 'text',
    language: 'text',
    state: 'text',
    created_at: 'bigint',
    sent_at: 'bigint',
    ref: 'text',
    reason: 'text',
    sealed: 'bytea',
    open: 'smallint',
    due_at: 'bigint',
  }),
  timers: table(
    'timers',
    { id: 'text', kind: 'text', rid: 'bigint', due_at: 'bigint' },
    `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, rid = excluded.rid, due_at = excluded.due_at, fresh = 1, code = NULL, detail = NULL`,
  ),
} as const;
export type BatchName = keyof typeof batchTables;
export const batchNames = Object.keys(batchTables).filter((name): name is BatchName => name in batchTables);
