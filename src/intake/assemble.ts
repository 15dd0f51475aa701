import {
  type AssembleWork,
  type Change,
  PayloadError,
  type Save,
  type SokRecord,
  type StoredMessage,
} from '@kapi/contract';
import { writeEvent } from './changes.ts';
import type { House } from './house.ts';
import { isEmergency, joinedRecord, mayJoin, revisedRecord, stillTalking } from './join.ts';
import type { AccountSettings } from './settings.ts';
import { toRecord } from './to-record.ts';

/** Everything one claim of a conversation writes; records it touched twice are carried forward here. */
interface Assembly {
  readonly house: House;
  readonly account: AccountSettings;
  readonly now: number;
  readonly changes: Change[];
  /** Latest state of records written in this claim, by id. */
  readonly written: Map<string, SokRecord>;
}

/**
 * The assemble stage: a conversation's due messages to records. Said in one breath on a channel that
 * settles: one record. Everything else: one item, one record, unless its sender is proved to belong to
 * the record it names. A revised message amends the record it is in.
 */
export async function assemble(house: House, work: AssembleWork): Promise<Save> {
  const account = house.settings().accounts.get(work.account);
  if (account === undefined)
    throw new PayloadError('payload_unreadable', `no account «${work.account}» is configured`);
  const assembly: Assembly = { house, account, now: house.clock.now(), changes: [], written: new Map() };

  const revised = work.messages.filter((message) => work.placed[message.id] !== undefined);
  amend(assembly, work, revised);

  const fresh = work.messages.filter((message) => work.placed[message.id] === undefined);
  let last = work.last;
  for (const group of account.settles ? breaths(fresh, account) : fresh.map((message): Breath => [message])) {
    last = (await place(assembly, group, last)) ?? last;
  }
  return {
    work: { stage: 'assemble', id: work.id, token: work.token, ending: { end: 'done' } },
    changes: assembly.changes,
  };
}

type Breath = readonly [StoredMessage, ...StoredMessage[]];

/** Messages by provider time, those of one moment as they came, cut where the sender was quiet for the settle time or spoke for its longest. */
export function breaths(messages: readonly StoredMessage[], account: AccountSettings): Breath[] {
  const groups: [StoredMessage, ...StoredMessage[]][] = [];
  for (const message of messages.toSorted((a, b) => a.saidAt - b.saidAt)) {
    const group = groups.at(-1);
    const previous = group?.at(-1);
    const together =
      group !== undefined &&
      previous !== undefined &&
      message.saidAt - previous.saidAt <= account.settleQuietSeconds * 1000 &&
      message.saidAt - group[0].saidAt <= account.settleMaxSeconds * 1000;
    if (together) group.push(message);
    else groups.push([message]);
  }
  return groups;
}

async function place(
  assembly: Assembly,
  group: Breath,
  last: SokRecord | undefined,
): Promise<SokRecord | undefined> {
  const reason = notACase(assembly, group);
  if (reason !== undefined) {
    for (const message of group) {
      assembly.changes.push({
        do: 'place-message',
        messageId: message.id,
        revision: message.revision,
        to: { state: 'not-a-case', reason },
      });
    }
    return undefined;
  }
  const { join, related } = await threadOf(assembly, group, last);
  const record = join === undefined ? await open(assembly, group, related) : add(assembly, group, join);
  for (const message of group) {
    assembly.changes.push({
      do: 'place-message',
      messageId: message.id,
      revision: message.revision,
      to: { state: 'in-record', recordId: record.id },
    });
  }
  return record;
}

/** A courtesy in words alone; a photo, a place, a named subject, an emergency or what a person has restored is always a case. */
function notACase({ house }: Assembly, group: Breath): string | undefined {
  const { lexicon } = house.settings();
  if (group.some(({ restored, content }) => restored || isEmergency(content, lexicon))) return undefined;
  const bare = group.every(
    ({ content }) =>
      content.attachments.length === 0 &&
      content.location === undefined &&
      (content.subject ?? '').trim() === '',
  );
  if (!bare) return undefined;
  const text = group.map(({ content }) => content.text).join('\n');
  const reason = lexicon.notACase(text);
  return (
    reason ??
    (group.every(({ content }) => content.automatic === true && content.text.trim() === '')
      ? 'automatic'
      : undefined)
  );
}

/** The record these words belong to, where that is proved; records that are only named are linked. */
async function threadOf(
  assembly: Assembly,
  group: Breath,
  last: SokRecord | undefined,
): Promise<{ join?: SokRecord; related: string[] }> {
  const related: string[] = [];
  for (const { content, account } of group) {
    for (const record of await namedRecords(assembly.house, content.thread)) {
      const current = assembly.written.get(record.id) ?? record;
      if (mayJoin(current, content, account)) return { join: current, related: [] };
      if (!related.includes(record.number)) related.push(record.number);
    }
  }
  const [first] = group;
  const talking =
    assembly.account.settles &&
    last !== undefined &&
    group.every(({ content }) => content.sender.proven) &&
    stillTalking(last, first.saidAt, assembly.account.joinHours);
  return talking ? { join: assembly.written.get(last.id) ?? last, related: [] } : { related };
}

async function namedRecords(house: House, thread: StoredMessage['content']['thread']): Promise<SokRecord[]> {
  if (thread === undefined) return [];
  const views = await Promise.all([
    ...thread.numbers.slice(0, 5).map((number) => house.reader.record({ number })),
    ...thread.references.slice(0, 20).map((id) => house.reader.recordByNotice(id)),
  ]);
  const records = views.flatMap((view) => (view ? [view.record] : []));
  return [...new Map(records.map((record) => [record.id, record])).values()];
}

async function open(assembly: Assembly, group: Breath, related: readonly string[]): Promise<SokRecord> {
  const { house, account, now } = assembly;
  const receivedAt = Math.min(...group.map((message) => message.receivedAt));
  const id = house.ids.uuid();
  const record = toRecord(
    {
      id,
      number: await house.numbers(receivedAt),
      trackingPin: house.ids.pin(),
      trackingToken: house.tracking.tokenOf(id),
      createdBy: `adapter:${account.adapter}`,
      related,
    },
    group,
    account,
    house.settings(),
  );
  return write(assembly, undefined, record, 'received', now, {
    automatic: group.every(({ content }) => content.automatic === true),
  });
}

function add(assembly: Assembly, group: Breath, before: SokRecord): SokRecord {
  const after = joinedRecord(before, group, assembly.house.settings().lexicon);
  return write(assembly, before, after, 'message_added', assembly.now, {
    messageIds: group.map(({ id }) => id),
  });
}

function amend(assembly: Assembly, work: AssembleWork, revised: readonly StoredMessage[]): void {
  const records = new Map(
    revised.flatMap((message) => {
      const placed = work.placed[message.id];
      return placed ? [[placed.record.id, placed] as const] : [];
    }),
  );
  for (const { record, messages } of records.values()) {
    const after = revisedRecord(record, messages, assembly.house.settings().lexicon);
    write(assembly, record, after, 'amended', assembly.now, {
      messageIds: revised.map(({ id }) => id),
    });
  }
  for (const message of revised) {
    const placed = work.placed[message.id];
    if (!placed) continue;
    assembly.changes.push({
      do: 'place-message',
      messageId: message.id,
      revision: message.revision,
      to: { state: 'in-record', recordId: placed.record.id },
    });
  }
}

function write(
  assembly: Assembly,
  before: SokRecord | undefined,
  after: SokRecord,
  name: 'received' | 'message_added' | 'amended',
  at: number,
  data: Record<string, unknown>,
): SokRecord {
  const { house, account } = assembly;
  const written = writeEvent(
    before,
    after,
    { id: house.ids.uuid(), name, at, actor: `adapter:${account.adapter}`, data },
    house.settings(),
    house.planNotices,
  );
  assembly.changes.push(...written.changes);
  assembly.written.set(written.record.id, written.record);
  return written.record;
}
