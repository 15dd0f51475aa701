import { createHash } from 'node:crypto';
import { parse, stringify } from 'node:querystring';
import type { PushRequest, Verdict } from '@kapi/contract';
import { hmac, sameSecret, singleHeader } from '@kapi/kit';
import type { Config } from './config.ts';
import { type Parameters, readForm } from './payload.ts';

const noParameters: Parameters = new Map();

/**
 * `X-Twilio-Signature` over the configured public URL and every form parameter; a JSON body is signed by its
 * hash in the query (`bodySHA256`). Twilio signs no time: a repeat is recognised by its envelope key.
 * https://www.twilio.com/docs/usage/webhooks/webhooks-security (2026-08-13)
 */
export function verify(request: PushRequest, { config }: { readonly config: Config }): Verdict {
  const offered = singleHeader(request.headers, 'x-twilio-signature');
  if (offered === undefined || request.method !== 'POST') return 'forged';
  const parameters = signedParameters(request);
  if (parameters === undefined) return 'forged';
  const suffix = flatten(parameters);
  let genuine = false;
  // Every candidate is tried, so that the time taken says nothing about which one fits.
  for (const token of config.authTokens) {
    for (const url of urlCandidates(request.publicUrl)) {
      if (sameSecret(hmac('sha1', token, url + suffix, 'base64'), offered)) genuine = true;
    }
  }
  return genuine ? 'genuine' : 'forged';
}

/** What the signature covers beside the URL; undefined where the body is not the one that was signed. */
function signedParameters({ query, body }: PushRequest): Parameters | undefined {
  const hashes = query.getAll('bodySHA256');
  if (hashes.length === 0) return readForm(body);
  const [hash = ''] = hashes;
  const matches = hashes.length === 1 && sameSecret(createHash('sha256').update(body).digest('hex'), hash);
  return matches ? noParameters : undefined;
}

/** Names sorted, each followed by its values, de-duplicated and sorted. Nothing is trimmed. */
export function flatten(parameters: Parameters): string {
  return [...parameters.keys()]
    .sort()
    .flatMap((name) => [...new Set(parameters.get(name))].sort().map((value) => name + value))
    .join('');
}

/**
 * Twilio signs the URL as configured, sometimes with the port it dialled, sometimes without; older back ends
 * signed an escaped form of the query. The same six that Twilio's own library tries.
 */
function urlCandidates(url: string): readonly string[] {
  const escaped = new URL(url).href;
  return [
    ...new Set([url, escaped].flatMap((one) => [withoutPort(one), withPort(one)])),
    ...[withoutPort(escaped), withPort(escaped)].map(withLegacyQuery),
  ];
}

const authority = /^(https?:\/\/)((?:[^/?#@]*@)?)(\[[^\]]*\]|[^/?#:]*)(:\d*)?/i;

const withoutPort = (url: string): string => url.replace(authority, '$1$2$3');

const withPort = (url: string): string =>
  url.replace(authority, (_all, scheme: string, user: string, host: string, port: string | undefined) => {
    const standard = scheme.toLowerCase() === 'https://' ? ':443' : ':80';
    return scheme + user + host + (port || standard);
  });

function withLegacyQuery(url: string): string {
  const at = url.indexOf('?');
  return at === -1 || at === url.length - 1
    ? url
    : `${url.slice(0, at)}?${stringify(parse(url.slice(at + 1)))}`;
}
