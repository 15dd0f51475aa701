import { setTimeout as delay } from 'node:timers/promises';
import { KapiError } from '@kapi/contract';
import type { DemoMessage } from './corpus/message.ts';
import { photo } from './photos.ts';
import { request } from './request.ts';
import { refusal, type Sending } from './sending.ts';

/** The form takes nothing that was filled in faster than a person could. */
const quickestMs = 2_200;

/** A citizen at the form: opens the page, fills it in, sends it with its photos as `multipart/form-data`. */
export function throughForm(origin: string, message: DemoMessage, seed: number): Sending {
  return async () => {
    const address = new URL('/', origin);
    const page = await request(address, { headers: { accept: 'text/html' } });
    if (!page.ok) throw await refusal(page, 'The citizen form');
    const token = /name="token" value="([^"]+)"/.exec(await page.text())?.[1];
    if (token === undefined) throw new KapiError('invalid_request', 'The page at / holds no citizen form.');
    await delay(quickestMs);
    const answer = await request(address, { method: 'POST', body: filled(message, token, seed) });
    if (!answer.ok) throw await refusal(answer, 'The citizen form');
    return /class="code">([A-Z]+-\d\d-\d+-\d)</.exec(await answer.text())?.[1];
  };
}

function filled(message: DemoMessage, token: string, seed: number): FormData {
  const { place = {} } = message;
  const fields: Readonly<Record<string, string | undefined>> = {
    token,
    text: message.text,
    applicationType: message.type,
    anonymity: message.anonymity ?? 'open',
    name: message.name,
    phone: message.phone,
    email: message.email,
    tckn: message.tckn,
    district: place.district,
    neighbourhood: place.neighbourhood,
    street: place.street,
    doorNo: place.doorNo,
    placeText: place.text,
    lat: place.lat?.toString(),
    lon: place.lon?.toString(),
  };
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, value);
  for (const [index, kind] of (message.photos ?? []).entries()) {
    const { name, mediaType, bytes } = photo(kind, seed * 10 + index);
    form.append('files', new Blob([Buffer.from(bytes)], { type: mediaType }), name);
  }
  return form;
}
