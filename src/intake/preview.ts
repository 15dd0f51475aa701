import {
  type Envelope,
  type Finding,
  formatNumber,
  type InboundMessage,
  kindOfError,
  maskEmail,
  maskName,
  maskPhone,
  maskTckn,
  maskText,
  type Normalized,
  type Part,
  type PreviewRequest,
  RefusedRequest,
  type SokRecord,
  toInstant,
} from '@kapi/contract';
import type { ParserPool } from './fetch.ts';
import type { Actor } from './gateway.ts';
import type { House } from './house.ts';
import { normalizeOnly } from './normalize.ts';
import type { RunningAccount, TrialAccount } from './running.ts';
import type { AccountSettings } from './settings.ts';
import { toMessage } from './to-message.ts';
import { toRecord } from './to-record.ts';

export interface PreviewOptions {
  readonly parsers: ParserPool;
  /** That account of the adapter, or its first, on or off; one of defaults where none is configured. */
  readonly trial: (adapter: string, account?: string) => Promise<TrialAccount | undefined>;
}

/** What a message, or a provider's raw request, would become. Nothing is stored, no number is used up. */
export async function preview(
  house: House,
  options: PreviewOptions,
  request: PreviewRequest,
  actor: Actor,
): Promise<Record<string, unknown>> {
  const reveal = actor.scopes.has('records:reveal');
  const now = house.clock.now();
  if (!('adapter' in request)) {
    const account = house.settings().accounts.get(request.account ?? actor.account);
    if (account === undefined)
      throw new RefusedRequest('unknown_account', 'No enabled account of that name exists.');
    const message = toMessage(request, request.sourceId ?? 'preview', []);
    return show(
      house,
      account,
      { messages: [message], statuses: [], ignored: [], failed: [] },
      [],
      now,
      reveal,
    );
  }
  const running = await options.trial(request.adapter, request.account);
  if (running === undefined) {
    const account = request.account === undefined ? '' : ` with the account «${request.account}»`;
    throw new RefusedRequest('unknown_account', `There is no adapter «${request.adapter}»${account} here.`);
  }
  const envelope: Envelope = {
    id: house.ids.uuid(),
    adapter: running.adapter.id,
    account: running.settings.id,
    receivedAt: toInstant(now),
    contentType: request.contentType,
    headers: Object.fromEntries(
      Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    body: Buffer.from(request.bodyBase64, 'base64'),
  };
  const { items, parts } = await readBy(options, running, envelope);
  return show(house, running.settings, items, parts, now, reveal);
}

/** @throws RefusedRequest `unknown_account` where it is for want of a setting that it cannot be read */
async function readBy(
  options: PreviewOptions,
  account: TrialAccount,
  envelope: Envelope,
): Promise<{ readonly items: Normalized; readonly parts: readonly Part[] }> {
  try {
    const parts = await derivedParts(options, account, envelope);
    return { items: normalizeOnly(account, { envelope, parts }), parts };
  } catch (cause) {
    if (kindOfError(cause) !== 'bug' || account.missing.length === 0) throw cause;
    const { id } = account.adapter;
    const lacking = account.missing.map((name) => `settings.${name}`).join(', ');
    throw new RefusedRequest(
      'unknown_account',
      `To try «${id}», put an account of it into kapi.yaml, which may be off, with ${lacking}.`,
      { cause },
    );
  }
}

async function derivedParts(
  options: PreviewOptions,
  running: RunningAccount,
  envelope: Envelope,
): Promise<Part[]> {
  const refs = running.adapter.parts?.(envelope, running.config) ?? [];
  return Promise.all(
    refs.map(async (ref): Promise<Part> => {
      const { parser } = running.adapter;
      if (ref.kind !== 'parsed' || !parser) return { ...ref, state: 'pending' };
      return { ...ref, state: 'stored', value: (await options.parsers.parse(parser, envelope.body)).value };
    }),
  );
}

function show(
  house: House,
  account: AccountSettings,
  items: Normalized,
  parts: readonly Part[],
  now: number,
  reveal: boolean,
): Record<string, unknown> {
  const records = items.messages.map((message) => {
    const own = parts.filter((part) => message.attachments.some((reference) => reference.part === part.key));
    return toRecord(
      {
        id: house.ids.uuid(),
        number: formatNumber(house.settings().prefix, 2000, 0),
        trackingPin: '000000',
        trackingToken: '',
        createdBy: 'preview',
        related: [],
      },
      [
        {
          id: house.ids.uuid(),
          revision: 1,
          content: message,
          parts: own,
          receivedAt: now,
          saidAt: message.sentAt === undefined ? now : Date.parse(message.sentAt),
        },
      ],
      account,
      house.settings(),
    );
  });
  return {
    messages: reveal ? items.messages : items.messages.map(maskMessage),
    statuses: items.statuses,
    ignored: items.ignored,
    failed: items.failed,
    records: records.map((record) => wrapped(record, reveal)),
  };
}

function maskMessage(message: InboundMessage): Record<string, unknown> {
  const { key, channel, sentAt, text, subject, attachments, language, automatic } = message;
  return {
    key,
    channel,
    sentAt,
    subject: subject && maskText(subject),
    text: maskText(text),
    attachments,
    language,
    automatic,
  };
}

type Mask = (value: string) => string;

/** Every understood value with its confidence, source and span. */
function wrapped(record: SokRecord, reveal: boolean): Record<string, unknown> {
  const wrap = (pointer: string, value: unknown, mask?: Mask): Finding | undefined => {
    if (value === undefined) return undefined;
    const shown = !reveal && mask && typeof value === 'string' ? mask(value) : value;
    const finding = record.findings[pointer];
    return finding
      ? { ...finding, value: shown }
      : { value: shown, confidence: 0.5, from: 'rule', rule: 'default' };
  };
  const { citizen } = record;
  return {
    citizen: {
      name: wrap('/citizen/name', citizen.name, maskName),
      tckn: wrap('/citizen/tckn', citizen.tckn, maskTckn),
      phones: citizen.phones.map((phone, index) => wrap(`/citizen/phones/${index}`, phone, maskPhone)),
      emails: citizen.emails.map((email, index) => wrap(`/citizen/emails/${index}`, email, maskEmail)),
    },
    place: Object.fromEntries(
      Object.entries(record.place ?? {}).map(([key, value]) => [
        key,
        wrap(`/place/${key}`, value, key === 'text' ? maskText : undefined),
      ]),
    ),
    topic: { code: wrap('/topic/code', record.topic?.code), candidates: record.topic?.candidates ?? [] },
    kind: wrap('/kind', record.kind),
    applicationType: wrap('/applicationType', record.applicationType),
    urgency: wrap('/urgency', record.urgency),
    language: wrap('/language', record.language),
    owner: wrap('/owner', record.owner),
    route: record.route,
    deadlines: record.deadlines,
  };
}
