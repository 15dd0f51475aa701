import { randomBytes } from 'node:crypto';
import { accountsAnswer, type Channel } from '@kapi/contract';
import { z } from 'zod';
import type { ApiClient } from '../api-client.ts';
import type { ApiMessage, DemoMessage } from './corpus/message.ts';
import { type Hour, wholeHour } from './hour.ts';
import type { Sending } from './sending.ts';
import { throughApi } from './through-api.ts';
import { throughForm } from './through-form.ts';
import { type ShortMessageAccount, throughSms } from './through-sms.ts';

export interface DemoOptions {
  /** The accounts of the configuration, where it could be read. */
  readonly accounts: readonly { readonly id: string; readonly settings: unknown }[];
  /** How providers reach the gateway: part of what they sign. */
  readonly publicUrl: string;
  readonly hour?: Hour;
  /** How long to wait for an event that does not come. A conversation settles for ten minutes at most. */
  readonly patienceMs?: number;
}

export interface Planned {
  /** Between 0 and 1: when in the hour. */
  readonly at: number;
  /** The first sending, and each repeat of it. */
  readonly times: number;
  readonly send: Sending;
}

export interface Plan {
  readonly planned: readonly Planned[];
  /** Texts of messages whose record's number no answer tells. */
  readonly texts: readonly string[];
  /** What is not sent, and why. */
  readonly leftOut: readonly string[];
}

const hourMs = 3_600_000;
/** Shorter texts might stand in anybody's message. */
const tellingLength = 12;

/** Where one message of the hour comes from, and when it was said. */
interface Source {
  readonly sourceId: string;
  readonly occurredAt: string;
  readonly seed: number;
}

/** Messages that take the same way in. */
interface Door {
  readonly messages: readonly ApiMessage[];
  open(message: ApiMessage, source: Source): Sending;
}

interface Configured {
  readonly id: string;
  readonly adapter: string;
}

/** Deals the hour to the accounts that are on. What no account takes comes in through the API. */
export async function plan(client: ApiClient, options: DemoOptions, now: number): Promise<Plan> {
  const { hour = wholeHour } = options;
  const { accounts } = await client.call('/v1/accounts', accountsAnswer);
  const enabled = accounts.filter((account) => account.enabled);
  const entrances = enabled.filter(({ adapter }) => adapter === 'api').map(({ id }) => id);
  const others = enabled.filter(({ adapter }) => adapter !== 'api' && adapter !== 'form');
  const { phones, leftOut } = shortMessageAccounts(others, options);

  // The last entrance is the call centre's; the others share what other software hands in.
  const entrance = (index: number) => entrances[index % Math.max(1, entrances.length - 1)];
  const throughEntrance = (messages: readonly ApiMessage[], account: string | undefined): readonly Door[] => {
    if (account !== undefined)
      return [{ messages, open: (one, source) => throughApi(client, one, { account, ...source }) }];
    leftOut.push(`${messages.length} messages: no account of the entrance API is on`);
    return [];
  };
  const web = withChannel('web', hour.web);
  const sms = withChannel('sms', hour.sms);
  const hasForm = enabled.some(({ adapter }) => adapter === 'form');
  const doors: readonly Door[] = [
    ...throughEntrance(withChannel('phone', hour.calls), entrances.at(-1)),
    ...hour.software.flatMap((messages, index) => throughEntrance(messages, entrance(index))),
    ...(hasForm
      ? [{ messages: web, open: (one: ApiMessage, { seed }: Source) => throughForm(client.url, one, seed) }]
      : throughEntrance(web, entrance(0))),
    ...(phones.length > 0
      ? shortMessageDoors({ url: client.url, publicUrl: options.publicUrl.replace(/\/+$/, '') }, phones, sms)
      : throughEntrance(sms, entrance(0))),
  ];
  if (others.length === 0) leftOut.push('receipts: no account that could send one is on');
  return {
    planned: schedule(doors, now),
    texts:
      phones.length === 0 ? [] : sms.map(({ text }) => text).filter((text) => text.length >= tellingLength),
    leftOut,
  };
}

const withChannel = (channel: Channel, messages: readonly DemoMessage[]): readonly ApiMessage[] =>
  messages.map((message) => ({ ...message, channel }));

/** Spreads the messages of each door evenly over the hour that ends now. Each run has ids of its own. */
function schedule(doors: readonly Door[], now: number): Planned[] {
  const run = randomBytes(6).toString('hex');
  const spread = doors.flatMap(({ messages, open }) =>
    messages.map((message, index) => ({ message, open, at: (index + 0.5) / messages.length })),
  );
  return spread.map(({ message, open, at }, seed) => ({
    at,
    times: 1 + (message.repeats ?? 0),
    send: open(message, {
      sourceId: `demo-${run}-${seed}`,
      occurredAt: new Date(now - Math.round((1 - at) * hourMs)).toISOString(),
      seed,
    }),
  }));
}

const signing = z.looseObject({ accountSid: z.string(), authTokens: z.array(z.string()).min(1) });

/** The SMS accounts that can be signed for, and why the rest is left out. */
function shortMessageAccounts(
  accounts: readonly Configured[],
  { accounts: configured }: DemoOptions,
): { phones: readonly ShortMessageAccount[]; leftOut: string[] } {
  const phones: ShortMessageAccount[] = [];
  const leftOut: string[] = [];
  for (const { id, adapter } of accounts) {
    if (adapter !== 'sms-twilio') {
      leftOut.push(`${id}: the demonstration does not speak ${adapter}`);
      continue;
    }
    const keys = signing.safeParse(configured.find((one) => one.id === id)?.settings).data;
    const [authToken] = keys?.authTokens ?? [];
    if (keys && authToken !== undefined) phones.push({ id, accountSid: keys.accountSid, authToken });
    else leftOut.push(`${id}: its token cannot be read here`);
  }
  return { phones, leftOut };
}

/** The short messages shared out to the accounts, and one webhook that cannot be read. */
function shortMessageDoors(
  address: { readonly url: string; readonly publicUrl: string },
  accounts: readonly ShortMessageAccount[],
  messages: readonly ApiMessage[],
): readonly Door[] {
  const door = (account: ShortMessageAccount, share: readonly ApiMessage[], unreadable = false): Door => ({
    messages: share,
    open: (message, { sourceId }) => throughSms(address, account, message, sourceId, unreadable),
  });
  const changed: ApiMessage = { channel: 'sms', text: 'yeni biçim', phone: '05800000399' };
  return [
    ...accounts.map((account, index) =>
      door(
        account,
        messages.filter((_, at) => at % accounts.length === index),
      ),
    ),
    ...accounts.slice(0, 1).map((account) => door(account, [changed], true)),
  ];
}
