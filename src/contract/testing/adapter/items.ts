import { isDeepStrictEqual } from 'node:util';
import type { Normalized } from '@kapi/contract';
import type { Check, Report } from './check.ts';
import { describeThrown } from './check.ts';
import type { ExpectedItems } from './rows.ts';
import { itemKeys, type LoadedRow, type Subject, unsigned } from './subject.ts';

/** What the row becomes; undefined where normalize throws, which is for other checks to say. */
export function normalizeRow(subject: Subject, loaded: LoadedRow): Normalized | undefined {
  try {
    return subject.adapter.normalize(loaded.envelope, loaded.parts, subject.config);
  } catch {
    return undefined;
  }
}

const comparable = (items: ExpectedItems): ExpectedItems => ({
  messages: items.messages ?? [],
  statuses: items.statuses ?? [],
  ignored: items.ignored ?? [],
  failed: (items.failed ?? []).map(({ key, code }) => ({ key, code })),
});

/** Compares one row's items with what it expects. */
export function expectItems(subject: Subject, loaded: LoadedRow, report: Report): void {
  const { row } = loaded;
  try {
    const items = subject.adapter.normalize(loaded.envelope, loaded.parts, subject.config);
    const expected = comparable(row.expected);
    const found = comparable(items);
    if (!isDeepStrictEqual(found, expected)) {
      report(
        row.name,
        `expected ${JSON.stringify(expected, null, 2)}\nfound ${JSON.stringify(found, null, 2)}`,
      );
    }
  } catch (thrown) {
    report(row.name, `normalize threw ${describeThrown(thrown)}`);
  }
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const senderForms = { phone: /^\+[1-9]\d{6,14}$/, email: /^[^\s@A-Z]+@[^\s@A-Z]+$/, handle: /^\S(.*\S)?$/su };

/** Keys that stand twice in the envelope, in one list or two. */
export function repeatedKeys(items: Normalized): readonly string[] {
  const keys = itemKeys(items);
  return keys.filter((key, index) => keys.indexOf(key) !== index);
}

/** What an envelope becomes: every item, once, under a stable key. */
export const itemChecks: readonly Check[] = [
  {
    id: 'wrong-items',
    owes: 'reads every row as the row says, under frozen keys',
    find(subject, report) {
      for (const loaded of subject.envelopes) expectItems(subject, loaded, report);
    },
  },
  {
    id: 'lost-item',
    owes: 'accounts for every item the provider put into an envelope',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const items = normalizeRow(subject, loaded);
        const count = items && itemKeys(items).length;
        if (count !== undefined && count !== loaded.row.items)
          report(loaded.row.name, `holds ${loaded.row.items} items, ${count} came out`);
      }
    },
  },
  {
    id: 'repeated-key',
    owes: 'gives every item of an envelope its own key',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const items = normalizeRow(subject, loaded);
        for (const key of items ? repeatedKeys(items) : []) report(loaded.row.name, `«${key}» stands twice`);
      }
    },
  },
  {
    id: 'unformed-item',
    owes: 'writes keys, senders and instants in the form the contract asks for',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const items = normalizeRow(subject, loaded);
        if (items === undefined) continue;
        const at = loaded.row.name;
        for (const key of itemKeys(items))
          if (key.trim() === '' || key.length > 512) report(at, 'a key is empty or longer than 512');
        for (const { sender, sentAt, key } of items.messages) {
          if (!senderForms[sender.kind].test(sender.id))
            report(at, `${key}: the sender is no ${sender.kind} in the contract's form`);
          if (sentAt !== undefined && !instant.test(sentAt))
            report(at, `${key}: sentAt is no ISO 8601 with offset`);
        }
        for (const { at: when, key } of items.statuses) {
          if (when !== undefined && !instant.test(when)) report(at, `${key}: at is no ISO 8601 with offset`);
        }
      }
    },
  },
  {
    id: 'wrong-parts',
    owes: 'names the parts the row says, each once, and attaches only those',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        const at = loaded.row.name;
        const keys = loaded.refs.map((ref) => ref.key);
        const expected = loaded.row.parts ?? [];
        if (!isDeepStrictEqual(keys, expected))
          report(at, `parts are [${keys.join(', ')}], the row says [${expected.join(', ')}]`);
        if (new Set(keys).size !== keys.length) report(at, 'a part key stands twice');
        const known = new Set([...keys, ...loaded.parts.map((part) => part.key)]);
        for (const message of normalizeRow(subject, loaded)?.messages ?? []) {
          for (const { part } of message.attachments)
            if (!known.has(part)) report(at, `${message.key} attaches «${part}», which is no part`);
        }
      }
    },
  },
  {
    id: 'order-in-key',
    owes: 'gives an item the same key wherever it stands in the envelope',
    find(subject, report) {
      for (const loaded of subject.envelopes) {
        if (loaded.reordered === undefined) continue;
        const envelope = { ...loaded.envelope, body: loaded.reordered };
        const straight = normalizeRow(subject, loaded);
        const reversed = normalizeRow(subject, { ...loaded, envelope });
        const sorted = (items: Normalized | undefined) => (items ? itemKeys(items).toSorted() : []);
        if (!isDeepStrictEqual(sorted(straight), sorted(reversed)))
          report(loaded.row.name, 'the same items in another order have other keys');
      }
    },
  },
  {
    id: 'wrong-envelope-key',
    owes: 'gives the same request the same envelope key, and the one the row froze',
    find({ push, config, envelopes }, report) {
      if (!push) return;
      const owners = new Map<string, string>();
      for (const { row, envelope } of envelopes) {
        if (row.source === 'pull') continue;
        const request = unsigned(push.rows, envelope);
        const key = push.source.envelopeKey(request, config);
        if (key !== push.source.envelopeKey(request, config)) report(row.name, 'differs from call to call');
        if (key === '' || key.length > 512) report(row.name, 'is empty or longer than 512');
        if (row.envelopeKey !== undefined && key !== row.envelopeKey)
          report(row.name, `is «${key}», the row says «${row.envelopeKey}»`);
        const body = Buffer.from(envelope.body).toString('base64');
        const owner = owners.get(key);
        if (owner !== undefined && owner !== body && row.envelopeKey === undefined)
          report(row.name, 'is the key of another row with other bytes');
        owners.set(key, body);
      }
    },
  },
];
