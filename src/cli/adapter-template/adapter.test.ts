import type { InboundMessage } from '@kapi/contract';
import { testAdapter } from '@kapi/contract/testing';
import { hmac } from '@kapi/kit';
import { adapter } from './adapter.ts';

const secret = 'a-secret-of-this-test';
const contentType = 'application/json';
const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const message = (key: string, phone: string, text: string): InboundMessage => ({
  key,
  channel: 'sms',
  sender: { id: phone, kind: 'phone', proven: true },
  text,
  attachments: [],
});

testAdapter(adapter, {
  config: { secrets: [secret] },
  envelopes: [
    {
      name: 'two messages in one call',
      contentType,
      body: fixture('two-messages.json'),
      items: 2,
      expected: {
        messages: [
          { ...message('a-1', '+905321234567', 'Çöp alınmadı'), sentAt: '2026-11-22T09:14:03+03:00' },
          message('a-2', '+905551234567', 'Sokak lambası yanmıyor'),
        ],
      },
    },
    {
      name: 'a message beside one that cannot be read',
      contentType,
      body: fixture('one-unreadable.json'),
      items: 2,
      expected: {
        messages: [message('b-2', '+905321234567', 'Su yok')],
        failed: [{ key: 'unread:t2aXGKS5wgDYptmAgq0KPbf0NwQBKBkzWa56YJmufCM', code: 'payload_item' }],
      },
    },
    {
      name: 'a message that stands twice in one call',
      contentType,
      body: fixture('one-repeated.json'),
      items: 2,
      expected: {
        messages: [message('c-1', '+905321234567', 'Su yok')],
        ignored: [{ key: 'repeat:c-1', reason: 'repeated-in-call' }],
      },
    },
  ],
  malformed: [
    { name: 'an empty body', contentType, body: '' },
    { name: 'half a document', contentType, body: '{"messages":[' },
    { name: 'another document', contentType, body: '{"items":[]}' },
  ],
  push: {
    target: '/webhooks/family-provider/account',
    sign: ({ body }) => ({ headers: { 'x-signature': hmac('sha256', secret, body, 'hex') } }),
    proofHeader: 'x-signature',
    otherConfig: { secrets: ['another-secret-of-it'] },
    staleAfterSeconds: null,
    coversUrl: false,
  },
});
