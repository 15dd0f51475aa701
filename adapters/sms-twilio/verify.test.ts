import { createHmac } from 'node:crypto';
import type { PushRequest } from '@kapi/contract';
import twilio from 'twilio';
import { describe, expect, test } from 'vitest';
import { config, encode, form, objectOf, oldToken, publicOrigin, target, token } from './testing/samples.ts';
import { verify } from './verify.ts';

function request(publicUrl: string, body: string, signature: string): PushRequest {
  const url = new URL(publicUrl);
  return {
    method: 'POST',
    target: url.pathname + url.search,
    publicUrl,
    query: url.searchParams,
    headers: { 'content-type': form, 'x-twilio-signature': signature },
    body: encode(body),
    remoteAddress: '203.0.113.7',
  };
}

describe('the signature agrees with Twilio’s own validator', () => {
  const bodies = [
    ['plain', 'Body=merhaba&MessageSid=SM1'],
    ['Turkish letters and quotes', `Body=${encodeURIComponent(`İĞÜŞÖÇ ığüşöç 'tek' "çift" 🙏`)}&From=%2B90`],
    ['outer spaces', 'Body=++merhaba++&A=+'],
    ['empty values', 'Body=&ToZip=&ToCity='],
    ['a name twice, values out of order', 'B=2&A=1&B=1'],
    ['a name twice, the same value', 'B=1&A=1&B=1'],
    ['names that sort by code point', 'b=1&B=2&_=3&ş=4'],
    ['nothing', ''],
  ] as const;
  const urls = [
    ['plain', `${publicOrigin}${target}`],
    ['with a port', `https://kapi.example.bel.tr:8443${target}`],
    ['over http', `http://kapi.example.bel.tr${target}`],
    ['a query', `${publicOrigin}${target}?a=1&b=`],
    ['a quote in the query', `${publicOrigin}${target}?ad=O'Neil`],
    ['an escaped quote in the query', `${publicOrigin}${target}?ad=O%27Neil`],
    ['Turkish letters in the query', `${publicOrigin}${target}?yer=%C5%9Ei%C5%9Fli&il=Mu%C4%9Fla`],
    ['bare Turkish letters in the query', `${publicOrigin}${target}?yer=Şişli`],
    ['a user in the address', `https://kapi:gizli@kapi.example.bel.tr${target}`],
  ] as const;
  const signedUrls = (url: string): readonly string[] => {
    const withPort = url.replace(
      /(kapi\.example\.bel\.tr)(:\d+)?/,
      `$1${url.startsWith('https') ? ':443' : ':80'}`,
    );
    return [url, url.replace(/(bel\.tr):\d+/, '$1'), withPort, new URL(url).href, `${url}x`];
  };
  const vectors = urls.flatMap(([urlName, url]) =>
    bodies.flatMap(([bodyName, body]) =>
      signedUrls(url).flatMap((signedUrl) =>
        [token, oldToken].map((key) => ({ urlName, bodyName, url, body, signedUrl, key })),
      ),
    ),
  );

  test(`on ${vectors.length} vectors, genuine and not`, () => {
    const judged = new Set<boolean>();
    for (const { urlName, bodyName, url, body, signedUrl, key } of vectors) {
      const parameters = objectOf(encode(body));
      const signature = twilio.getExpectedTwilioSignature(key, signedUrl, parameters);
      const theirs = twilio.validateRequest(key, signature, url, parameters);
      const ours = verify(request(url, body, signature), { config }) === 'genuine';
      judged.add(ours);
      expect(ours, `${urlName}, ${bodyName}, signed as ${signedUrl}`).toBe(theirs);
    }
    expect(judged).toEqual(new Set([true, false]));
  });

  test('a value worked out by hand is genuine', () => {
    const data = `${publicOrigin}${target}A1B1B2`;
    const signature = createHmac('sha1', token).update(data).digest('base64');
    expect(verify(request(publicOrigin + target, 'B=2&A=1&B=1', signature), { config })).toBe('genuine');
  });

  const json = '{"Body":"Ağaç devrildi"}';
  const hash = twilio.getExpectedBodyHash(json);
  test.each([
    ['as sent', `?bodySHA256=${hash}`, json, 'genuine'],
    ['with one letter changed', `?bodySHA256=${hash}`, json.replace('A', 'a'), 'forged'],
    ['with the hash in capitals', `?bodySHA256=${hash.toUpperCase()}`, json, 'forged'],
    ['with two hashes', `?bodySHA256=${hash}&bodySHA256=${hash}`, json, 'forged'],
    ['without a hash', '', json, 'forged'],
  ])('a JSON body %s is %s', (_name, query, body, verdict) => {
    const url = `${publicOrigin}${target}${query}`;
    const signature = twilio.getExpectedTwilioSignature(token, url, {});
    expect(verify(request(url, body, signature), { config })).toBe(verdict);
  });

  test('a byte order mark before the body makes it another one', () => {
    const signature = twilio.getExpectedTwilioSignature(token, publicOrigin + target, { A: '1' });
    expect(verify(request(publicOrigin + target, 'A=1', signature), { config })).toBe('genuine');
    expect(verify(request(publicOrigin + target, '\ufeffA=1', signature), { config })).toBe('forged');
  });

  test('a GET is refused, for its content would be in no envelope', () => {
    const url = `${publicOrigin}${target}?Body=merhaba`;
    const signature = twilio.getExpectedTwilioSignature(token, url, {});
    expect(verify({ ...request(url, '', signature), method: 'GET' }, { config })).toBe('forged');
  });
});
