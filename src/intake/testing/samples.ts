import {
  type InboundMessage,
  promiseClock,
  type SokRecord,
  type StoredMessage,
  toInstant,
} from '@kapi/contract';
import { createLexicon } from '../../understanding/index.ts';
import type { AccountSettings, IntakeSettings } from '../settings.ts';

/** Samples for tests: one of each thing, whole, with every field overridable. */

export const noon = Date.parse('2026-11-22T12:00:00+03:00');

export const sampleAccount = (over: Partial<AccountSettings> = {}): AccountSettings => ({
  id: 'sms-153',
  adapter: 'sms-twilio',
  entrance: false,
  enabled: true,
  partsWaitSeconds: 600,
  settleQuietSeconds: 60,
  settleMaxSeconds: 600,
  joinHours: 24,
  settles: true,
  sendNotices: true,
  promise: true,
  ...over,
});

export const sampleSettings = (over: Partial<IntakeSettings> = {}): IntakeSettings => ({
  institution: 'ornek',
  prefix: 'SOK',
  accounts: new Map([['sms-153', sampleAccount()]]),
  destinations: [{ id: 'coordination', profile: 'full' }],
  lexicon: createLexicon({
    emergency: ['yangın'],
    notEmergency: [],
    greetings: ['merhaba'],
    applause: ['teşekkürler', '👏'],
    spam: ['casino', 'deneme bonusu'],
    matters: ['park'],
  }),
  units: new Set(['park', 'buski', 'nilufer']),
  partners: new Set(['buski', 'nilufer']),
  topics: new Set(['SU01', 'YL01']),
  retentionDays: 3650,
  ...over,
});

export const sampleMessage = (over: Partial<InboundMessage> = {}): InboundMessage => ({
  key: 'm1',
  channel: 'sms',
  sender: { id: '+905321234567', kind: 'phone', proven: true },
  text: 'Sokağımızda su yok',
  attachments: [],
  ...over,
});

export const sampleStored = (over: Partial<StoredMessage> = {}): StoredMessage => ({
  id: '00000000-0000-7000-8000-000000000001',
  account: 'sms-153',
  adapter: 'sms-twilio',
  envelopeId: '00000000-0000-7000-8000-00000000000e',
  revision: 1,
  channel: 'sms',
  receivedAt: noon,
  saidAt: noon,
  content: sampleMessage(),
  parts: [],
  state: 'settling',
  ...over,
});

export const sampleRecord = (over: Partial<SokRecord> = {}): SokRecord => ({
  schema: 'sok/1',
  id: '00000000-0000-7000-8000-0000000000aa',
  version: 1,
  number: 'SOK-26-0001234-9',
  trackingPin: '402913',
  trackingToken: 'AAAAAAAAAAAAAAAAAAAAAA',
  kind: 'complaint',
  applicationType: 'complaint',
  legalTrack: 'service',
  channel: 'sms',
  account: 'sms-153',
  origin: 'citizen',
  createdBy: 'adapter:sms-twilio',
  receivedAt: toInstant(noon),
  occurredAt: toInstant(noon),
  citizen: { type: 'person', phones: ['+905321234567'], emails: [], handles: [], needs: [] },
  anonymity: 'open',
  body: 'Sokağımızda su yok',
  owner: 'unknown',
  route: { mode: 'proposal', history: [] },
  urgency: 'normal',
  confidentiality: 'none',
  deadlines: [promiseClock(noon)],
  status: 'queued',
  missing: [],
  messages: [
    {
      id: '00000000-0000-7000-8000-000000000001',
      revision: 1,
      channel: 'sms',
      at: toInstant(noon),
      direction: 'in',
    },
  ],
  attachments: [],
  links: { related: [] },
  privacy: {},
  findings: {},
  extra: {},
  ...over,
});
