import { type AdapterContext, codeOf } from '@kapi/contract';
import { describe, expect, test } from 'vitest';
import { type Config, config as schema } from './config.ts';
import { makeReply, probe } from './reply.ts';
import { account, config, context, publicOrigin, target, token } from './testing/samples.ts';
import { startCounterpart } from './twilio-counterpart.ts';

const at = (apiUrl: string): AdapterContext<Config> => context({ ...config, apiUrl });

const draft = {
  idempotencyKey: 'n1',
  to: '+905321234567',
  text: 'Başvurunuz alınmıştır: ğüşıöç',
  automatic: true,
  language: 'tr',
} as const;

describe('a reply', () => {
  const service = `MG${'a'.repeat(32)}`;
  test.each([
    ['a number', { from: '+908505550153' }, { From: '+908505550153' }],
    [
      'a messaging service with reports',
      { messagingServiceSid: service, statusCallbackUrl: publicOrigin + target },
      { MessagingServiceSid: service, StatusCallback: publicOrigin + target },
    ],
  ])('from %s says what Twilio’s API asks for', async (_name, own, parameters) => {
    const counterpart = await startCounterpart();
    const apiUrl = counterpart.url;
    try {
      const settings = schema.parse({
        accountSid: account,
        authTokens: [token],
        apiUrl,
        sweepMinutes: 0,
        ...own,
      });
      const receipt = await makeReply().send(draft, context(settings));
      const [sent] = counterpart.sent;
      expect(receipt).toEqual({ ref: sent?.sid, warnings: [] });
      expect(Object.fromEntries(sent?.parameters ?? [])).toEqual({
        To: draft.to,
        Body: draft.text,
        ...parameters,
      });
      expect(sent?.authorization).toBe(`Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`);
    } finally {
      await counterpart.stop();
    }
  });

  test('that is throttled says when to come again', async () => {
    const counterpart = await startCounterpart({ status: 429, code: 20429, retryAfter: '7' });
    try {
      const failure = makeReply().send(draft, at(counterpart.url));
      await expect(failure).rejects.toMatchObject({ code: 'provider_throttled', retryAfterMs: 7000 });
    } finally {
      await counterpart.stop();
    }
  });

  test('that meets a refused token waits until it is mended', async () => {
    const counterpart = await startCounterpart({ status: 401, code: 20003 });
    try {
      const failure = makeReply().send(draft, at(counterpart.url));
      await expect(failure).rejects.toMatchObject({ code: 'provider_unavailable' });
    } finally {
      await counterpart.stop();
    }
  });

  test('that is refused names the error code and not the number', async () => {
    const counterpart = await startCounterpart({ status: 400, code: 21610 });
    try {
      const failure = makeReply().send(draft, at(counterpart.url));
      await expect(failure).rejects.toThrow('Twilio refused the message: HTTP 400, error 21610');
    } finally {
      await counterpart.stop();
    }
  });

  test('without the twilio package says what to install', async () => {
    const missing = makeReply(() => Promise.reject(new Error('Cannot find package')));
    const failure: unknown = await missing.send(draft, context(config)).catch((thrown: unknown) => thrown);
    expect(codeOf(failure)).toBe('missing_dependency');
    expect(failure).toMatchObject({ message: expect.stringContaining('npm install twilio') });
  });

  test('is not found where two messages could be it', async () => {
    const counterpart = await startCounterpart();
    const own = at(counterpart.url);
    const ask = (text: string = draft.text) =>
      makeReply().lookup(
        { idempotencyKey: 'n1', to: draft.to, text, sentAfter: '2026-11-22T09:14:03.500+03:00' },
        own,
      );
    try {
      await makeReply().send(draft, own);
      expect(await ask()).toBe('sent');
      expect(await ask('Başka bir bildirim')).toBe('unknown');
      await makeReply().send(draft, own);
      expect(await ask()).toBe('unknown');
    } finally {
      await counterpart.stop();
    }
  });
});

test.each([
  ['an account in order', undefined, { ok: true, detail: 'The Twilio account is active.' }],
  [
    'a refused token',
    { status: 401, code: 20003 },
    {
      ok: false,
      detail:
        'Twilio refused accountSid and authTokens: HTTP 401, error 20003; expected the auth token in force.',
    },
  ],
])('the probe tells of %s', async (_name, answer, result) => {
  const counterpart = await startCounterpart(answer);
  try {
    expect(await probe(at(counterpart.url))).toEqual(result);
  } finally {
    await counterpart.stop();
  }
});
