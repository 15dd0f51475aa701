import {
  type Adapter,
  defineAdapter,
  type InboundMessage,
  type Normalized,
  PayloadError,
} from '@kapi/contract';
import { z } from 'zod';

/** One item of the pretended provider's batch. */
const itemSchema = z.object({
  key: z.string(),
  text: z.string().default(''),
  from: z.string().default('+905321234567'),
  at: z.string().optional(),
  photo: z.string().optional(),
  kind: z.enum(['message', 'bad', 'ignored', 'report', 'stop']).default('message'),
  ref: z.string().optional(),
  state: z.enum(['sent', 'delivered', 'failed']).default('delivered'),
  numbers: z.array(z.string()).optional(),
  proven: z.boolean().default(true),
});
const batchSchema = z.object({ items: z.array(itemSchema) });
export type ChatItem = z.input<typeof itemSchema>;

/** Texts that `reply` was asked to send, and how it answers. */
export const outbox: { to: string; text: string; key: string }[] = [];

type Item = z.output<typeof itemSchema>;

const toMessage = (item: Item): InboundMessage => ({
  key: item.key,
  channel: 'sms',
  sender: { id: item.from, kind: 'phone', proven: item.proven },
  ...(item.at !== undefined && { sentAt: item.at }),
  text: item.text,
  attachments:
    item.photo === undefined ? [] : [{ part: `photo-${item.key}`, name: item.photo, mediaType: 'image/png' }],
  ...(item.numbers && { thread: { numbers: item.numbers, references: [], proof: 'account' as const } }),
});

function parse(body: Uint8Array): Item[] {
  try {
    return batchSchema.parse(JSON.parse(Buffer.from(body).toString('utf8'))).items;
  } catch {
    throw new PayloadError('payload_unreadable', 'not a batch');
  }
}

/**
 * A provider of the tests' own: a batch of items as JSON, signed by a token in the query. It stands for
 * no real protocol; the stages are what is tested.
 */
export const chatAdapter = (settles: boolean): Adapter =>
  defineAdapter({
    id: 'chat-test',
    channels: ['sms'],
    config: z.strictObject({ token: z.string().meta({ secret: true, description: 'Shared token' }) }),
    capabilities: {
      emits: { attachments: true, locations: false, statuses: true, revisions: true },
      origin: 'token',
      senderProof: 'account',
      retries: 'provider',
      settles,
      abroad: false,
      reply: {
        addresses: 'phone',
        attachments: false,
        maxCharacters: 160,
        reports: true,
        lookup: false,
        idempotent: false,
      },
    },
    sources: [
      {
        kind: 'push',
        maxBytes: 1_000_000,
        verify: (request, { config }) => (request.query.get('token') === config.token ? 'genuine' : 'forged'),
        envelopeKey: (request) => request.query.get('id') ?? 'none',
      },
    ],
    parts: (envelope) => {
      try {
        return parse(envelope.body).flatMap((item) =>
          item.photo === undefined
            ? []
            : [
                {
                  key: `photo-${item.key}`,
                  kind: 'media' as const,
                  wait: 'optional' as const,
                  name: item.photo,
                  source: item.photo,
                },
              ],
        );
      } catch {
        return [];
      }
    },
    fetch: async () =>
      (async function* () {
        yield Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
      })(),
    normalize: (envelope): Normalized => {
      const items = parse(envelope.body);
      const of = (kind: Item['kind']) => items.filter((item) => item.kind === kind);
      return {
        messages: of('message').map(toMessage),
        statuses: [
          ...of('report').map((item) => ({
            key: item.key,
            what: { kind: 'report' as const, ref: item.ref ?? '', state: item.state },
          })),
          ...of('stop').map((item) => ({
            key: item.key,
            what: { kind: 'opt-out' as const, address: item.from, word: 'DUR' },
          })),
        ],
        ignored: of('ignored').map(({ key }) => ({ key, reason: 'group-message' })),
        failed: of('bad').map(({ key }) => ({ key, code: 'payload_item' as const, detail: 'planted' })),
      };
    },
    reply: {
      send: async (draft) => {
        outbox.push({ to: draft.to, text: draft.text, key: draft.idempotencyKey });
        return { ref: `ref-${draft.idempotencyKey}`, warnings: [] };
      },
    },
  });
