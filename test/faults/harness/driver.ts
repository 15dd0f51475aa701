import { createHmac } from 'node:crypto';
import { publicUrl, type Run, twilio } from './gateway.ts';
import type { History } from './history.ts';
import { type Answer, type Call, call, json } from './http.ts';

/** One citizen's message: the same call however often it is made. */
export interface Utterance {
  /** Stands in the text, so that the record it became can be told. */
  readonly marker: string;
  readonly call: (run: Run) => Call;
}

const text = (marker: string, length: number): string =>
  `Sokağımızda iki haftadır kapatılmayan bir çukur var, motosikletler düşüyor. [m:${marker}] ${'Lütfen bakın. '.repeat(length / 14)}`;

/** A subscriber number of nobody: the marker's number is its last digits. */
export const phoneOf = (n: number): string => `+90500${String(n).padStart(7, '0')}`;

export function byApi(n: number, length = 0, more: Readonly<Record<string, unknown>> = {}): Utterance {
  const marker = `api-${n}`;
  const body = { sourceId: marker, channel: 'phone', text: text(marker, length), ...more };
  return { marker, call: ({ key }) => json(key, body) };
}

/** As Twilio signs: the address citizens know, then every parameter by name. */
export function signedForm(path: string, parameters: Readonly<Record<string, string>>): Call {
  const signed = Object.keys(parameters)
    .sort()
    .map((name) => name + (parameters[name] ?? ''))
    .join('');
  return {
    path,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': createHmac('sha1', twilio.token)
        .update(`${publicUrl}${path}${signed}`)
        .digest('base64'),
    },
    body: new URLSearchParams(parameters).toString(),
  };
}

export function bySms(n: number, body?: string): Utterance {
  const marker = `sms-${n}`;
  const parameters = {
    MessageSid: `SM${n.toString(16).padStart(32, '0')}`,
    AccountSid: twilio.sid,
    From: phoneOf(n),
    To: '+905320000153',
    Body: body ?? text(marker, 0),
    NumMedia: '0',
  };
  return { marker, call: () => signedForm('/webhooks/sms-twilio/sms', parameters) };
}

export function byForm(n: number, token: string, more: Readonly<Record<string, string>> = {}): Utterance {
  const marker = `form-${n}`;
  const body = new URLSearchParams({ token, text: text(marker, 0), anonymity: 'open', ...more }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { marker, call: () => ({ path: '/', headers, body }) };
}

/** Tokens of freshly opened forms. The gateway refuses one that is used within two seconds. */
export async function formTokens(url: string, count: number): Promise<string[]> {
  const tokens: string[] = [];
  while (tokens.length < count) {
    const { status, body } = await call(url, { method: 'GET', path: '/' });
    if (status === 503) continue;
    const token = /name="token" value="([^"]+)"/.exec(body)?.[1];
    if (token === undefined) throw new Error(`the form answered ${status} and has no token`);
    tokens.push(token);
  }
  return tokens;
}

const numberIn = (body: string): string | undefined => /\b[A-Z]{2,8}-\d{2}-\d{7,}-\d\b/.exec(body)?.[0];

/** Makes the call once and writes down what came of it. Undefined where the line broke. */
export async function say(utterance: Utterance, run: Run, history: History): Promise<Answer | undefined> {
  const { marker } = utterance;
  const sentAt = Date.now();
  history.note({ what: 'intent', marker, at: sentAt });
  try {
    const answer = await call(run.url, utterance.call(run));
    const at = Date.now();
    const { status } = answer;
    if (status >= 200 && status < 300) {
      const number = numberIn(answer.body);
      history.note({ what: 'ack', marker, at, sentAt, status, ...(number !== undefined && { number }) });
    } else history.note({ what: 'refused', marker, at, sentAt, status });
    return answer;
  } catch {
    history.note({ what: 'broken', marker, at: Date.now(), sentAt });
    return undefined;
  }
}

/** A form opened a moment ago is refused until it is old enough; anything refused longer is wrong. */
const patience = 400;

/** Says it as a client does that was promised nothing yet: again, at whoever runs then, until it is taken. */
export async function insist(
  utterance: Utterance,
  up: () => Promise<Run>,
  history: History,
): Promise<Answer> {
  for (let refused = 0; ; ) {
    const answer = await say(utterance, await up(), history);
    if (answer !== undefined && answer.status < 300) return answer;
    if (answer !== undefined && answer.status < 500 && answer.status !== 429) refused += 1;
    if (refused > patience)
      throw new Error(`${utterance.marker} is answered ${answer?.status}: ${answer?.body.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
