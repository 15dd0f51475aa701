import type { AdapterContext } from '@kapi/contract';
import { type Config, config as schema } from '../config.ts';
import { readForm } from '../payload.ts';

/** What the tests of this adapter share: one account and a context that does nothing by itself. */
export const account = `AC${'0123456789abcdef'.repeat(2)}`;
export const token = '5ecre7-5ecre7-5ecre7-5ecre7-5ecr';
export const oldToken = '0ld5ec-0ld5ec-0ld5ec-0ld5ec-0ld5';
export const raw = { accountSid: account, authTokens: [token, oldToken], from: '+908505550153' };
export const publicOrigin = 'https://kapi.example.bel.tr';
export const target = '/webhooks/sms-twilio/sms-153';
export const form = 'application/x-www-form-urlencoded';
export const config: Config = schema.parse(raw);

export const sid = (number: string, prefix = 'SM'): string => prefix + number.padStart(32, '0');

export const mediaUrl = (message: string, medium: string): string =>
  `https://api.twilio.com/2010-04-01/Accounts/${account}/Messages/${message}/Media/${medium}`;

/** Parameters of a form as the twilio library wants them. */
export function objectOf(body: Uint8Array): Record<string, string | string[]> {
  const parameters: Record<string, string | string[]> = {};
  for (const [name, values] of readForm(body) ?? []) {
    const [first = ''] = values;
    parameters[name] = values.length === 1 ? first : [...values];
  }
  return parameters;
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const noHttp: AdapterContext<Config>['http'] = () => Promise.reject(new Error('no HTTP here'));

export function context(own: Config, http = noHttp): AdapterContext<Config> {
  const quiet = () => undefined;
  return {
    account: 'sms-153',
    config: own,
    signal: new AbortController().signal,
    cursor: undefined,
    http,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    health: quiet,
  };
}
