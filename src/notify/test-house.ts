import type { Channel, EventName, RecordEvent, ReplyCapability, SokRecord } from '@kapi/contract';
import { promiseClock, toEpoch, toInstant } from '@kapi/contract';
import type { House } from './compose.ts';
import type { NoticeAccount } from './ports.ts';
import type { Templates } from './templates.ts';

/** Building blocks of notify's tests. */

export const start = toEpoch('2026-11-22T12:00:00+03:00');

const pair = (name: string) => ({
  short: `${name} {number} {text}`,
  email: { subject: `${name} {number}`, text: `${name} {text}` },
});

export const testTemplates: Templates = {
  receipt: {
    short: 'Alındı {number} {link}',
    ascii: 'Alindi {number} {link}',
    email: { subject: '[{number}] alındı', text: 'Alındı {number}[[, {promiseHours} saat]]' },
    digest: { subject: 'bugün', text: 'hepsi: {numbers}' },
  },
  question: pair('soru'),
  answer: pair('cevap'),
  status: {
    text: pair('durum'),
    forwarded: {
      short: '{number} iletildi[[: {unit}]]',
      email: { subject: 'iletildi', text: '{number} iletildi[[: {unit}]]' },
    },
  },
  survey: { short: 'anket {link}', email: { subject: 'anket', text: 'anket {link}' } },
  neutral: {
    subject: 'başvuru {number}',
    receipt: 'alındı {number}',
    question: 'soru var {number}',
    answer: 'cevaplandı {number} {link}',
    status: '{number} {status}',
    survey: 'görüş {number}',
  },
};

export const house: House = {
  institution: 'Örnek Büyükşehir Belediyesi',
  language: 'tr',
  templates: { tr: testTemplates, en: testTemplates, ar: testTemplates },
  shortUrl: 'ornek.bel.tr/takip',
  trackingUrl: 'https://kapi.example.org/takip',
  unitName: (id) => (id === 'park' ? 'Park ve Bahçeler' : undefined),
  fits: (text) => ({ parts: Math.ceil(text.length / 155) }),
};

export function account(
  id: string,
  channel: Channel,
  more: Partial<ReplyCapability> & { abroad?: boolean } = {},
): NoticeAccount {
  const { abroad = false, ...reply } = more;
  return {
    id,
    channel,
    abroad,
    reply: {
      addresses:
        channel === 'email' ? 'email' : channel === 'sms' || channel === 'whatsapp' ? 'phone' : 'handle',
      attachments: false,
      maxCharacters: channel === 'email' ? null : 600,
      reports: false,
      lookup: false,
      idempotent: false,
      ...reply,
    },
  };
}

export const sms = account('sms-153', 'sms');
export const mail = account('posta', 'email');
export const whatsapp = account('wa', 'whatsapp', { abroad: true });
export const x = account('x-1', 'x', { abroad: true });

let serial = 0;
export const testId = (): string => {
  serial += 1;
  return `00000000-0000-7000-8000-${String(serial).padStart(12, '0')}`;
};

export function record(
  change: Partial<Omit<SokRecord, 'citizen'>> & { citizen?: Partial<SokRecord['citizen']> } = {},
): SokRecord {
  const { citizen, ...rest } = change;
  return {
    schema: 'sok/1',
    id: testId(),
    version: 1,
    number: 'SOK-26-0001234-9',
    trackingPin: '402913',
    trackingToken: 'AAAAAAAAAAAAAAAAAAAAAA',
    kind: 'complaint',
    applicationType: 'complaint',
    legalTrack: 'service',
    channel: 'web',
    account: 'form',
    origin: 'citizen',
    createdBy: 'form',
    receivedAt: toInstant(start),
    occurredAt: toInstant(start),
    citizen: {
      type: 'person',
      phones: ['+905321234567'],
      emails: ['ayse@example.org'],
      handles: [],
      needs: [],
      ...citizen,
    },
    anonymity: 'open',
    body: 'Çukur var',
    owner: 'unknown',
    route: { mode: 'automatic', history: [] },
    urgency: 'normal',
    confidentiality: 'none',
    deadlines: [promiseClock(start)],
    status: 'queued',
    missing: [],
    messages: [],
    attachments: [],
    links: { related: [] },
    privacy: {},
    findings: {},
    extra: {},
    ...rest,
  };
}

export const event = (of: SokRecord, name: EventName, data: RecordEvent['data'] = {}): RecordEvent => ({
  id: testId(),
  recordId: of.id,
  name,
  sequence: of.version,
  version: of.version,
  at: toInstant(start),
  actor: 'key:merkez',
  data,
});
