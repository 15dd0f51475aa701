import { eventNames, eventRule, RefusedRequest, TransientError } from '@kapi/contract';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueToken } from './citizen/form-token.ts';
import {
  type FakeGateway,
  institution,
  limits,
  noon,
  notice,
  readyToken,
  servePages,
  tokenKey,
} from './citizen/testing-pages.ts';
import { textsOf } from './citizen/texts.ts';
import { citizenErrors, readNotice, wantsPage } from './citizen-pages.ts';

let app: FastifyInstance;
let gateway: FakeGateway;
beforeEach(async () => {
  ({ app, gateway } = await servePages());
});
afterEach(() => app.close());

type Fields = Record<string, string>;
interface SentFile {
  readonly name: string;
  readonly type: string;
  readonly content: string | Uint8Array<ArrayBuffer>;
}
const photo: SentFile = { name: 'çukur.jpg', type: 'image/jpeg', content: '\u00ff\u00d8photo' };

/** A form as a browser without scripts sends it: text first, files last, an empty file where none was chosen. */
async function submit(fields: Fields, files: readonly SentFile[] = [], url = '/') {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const file of files) form.append('files', new File([file.content], file.name, { type: file.type }));
  if (files.length === 0) form.append('files', new File([], '', { type: 'application/octet-stream' }));
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer()).toString('latin1');
  return app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
    // Node leaves an empty file name out, browsers send it.
    payload: Buffer.from(body.replace('name="files"\r\n', 'name="files"; filename=""\r\n'), 'latin1'),
  });
}

const track = (number: string, pin: string, url = '/takip') =>
  app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ number, pin }).toString(),
  });

describe('the form', () => {
  it('becomes a record, and the answer shows number, PIN, promise and link', async () => {
    const answer = await submit({ token: readyToken(), text: 'Sokakta çukur var', phone: '0532 000 00 00' });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain('SOK-26-0000001-4');
    expect(answer.body).toContain('402913');
    expect(answer.body).toContain('24 Kasım 2026 Salı 12:00');
    expect(answer.body).toContain('https://kapi.example/takip/token-1');
    expect(gateway.submissions).toEqual([
      {
        channel: 'web',
        citizen: { language: 'tr', phone: '0532 000 00 00' },
        anonymity: 'open',
        text: 'Sokakta çukur var',
        noticeVersion: notice.version,
      },
    ]);
  });

  it('speaks English under /en', async () => {
    const answer = await submit({ token: readyToken(), text: 'A pothole' }, [], '/en');
    expect(answer.body).toContain('<html lang="en">');
    expect(answer.body).toContain('24 November 2026');
    expect(answer.body).toContain('https://kapi.example/en/takip/token-1');
    expect(gateway.submissions[0]?.citizen?.language).toBe('en');
  });

  it('is one record however often it is sent, photos included', async () => {
    const fields = { token: readyToken(), text: 'çukur' };
    await submit(fields, [photo]);
    const again = await submit(fields, [photo]);
    expect(again.statusCode).toBe(200);
    expect(again.body).toContain('SOK-26-0000001-4');
    expect(again.body).toContain('Bu başvuruyu daha önce almıştık');
    expect(gateway.submissions).toHaveLength(1);
  });

  it('offers to send changed text as an application of its own', async () => {
    const fields = { token: readyToken(), text: 'çukur' };
    await submit(fields);
    const changed = await submit({ ...fields, text: 'başka' });
    expect(changed.statusCode).toBe(422);
    expect(changed.body).toContain('ayrı bir başvuru olarak');
    expect(changed.body).toContain('başka</textarea>');
    const token = /name="token" value="([^"]+)"/.exec(changed.body)?.[1] ?? '';
    expect(token).not.toBe(fields.token);
    const sent = await submit({ token, text: 'başka' });
    expect(sent.body).toContain('SOK-26-0000002-3');
  });

  it('streams several files to the gateway under their names', async () => {
    const video = { name: 'video.mp4', type: 'video/mp4', content: new Uint8Array(900_000) };
    const answer = await submit({ token: readyToken() }, [photo, video]);
    expect(answer.statusCode).toBe(200);
    expect(gateway.uploads.map(({ name, mediaType, bytes }) => [name, mediaType, bytes])).toEqual([
      ['çukur.jpg', 'image/jpeg', 9],
      ['video.mp4', 'video/mp4', 900_000],
    ]);
    expect(gateway.submissions[0]?.attachments).toEqual([{ upload: 'up_1' }, { upload: 'up_2' }]);
  });

  const big = { name: 'büyük.mp4', type: 'video/mp4', content: new Uint8Array(limits.maxFileBytes + 1) };
  const program = { name: 'a.exe', type: 'image/png', content: 'MZ...' };
  const empty = { name: 'boş.jpg', type: 'image/jpeg', content: '' };
  it.each<[name: string, fields: Fields, files: readonly SentFile[], said: string]>([
    ['nothing written', {}, [], 'Ne olduğunu yazın ya da bir fotoğraf ekleyin.'],
    ['a name without end', { text: 'x', name: 'y'.repeat(201) }, [], 'En çok 200 karakter'],
    ['a text without end', { text: 'x'.repeat(5001) }, [], 'En çok 5000 karakter'],
    ['a filled trap', { text: 'x', website: 'spam' }, [], 'Görünmeyen bir alan dolu geldi'],
    [
      'a filled trap and a file',
      { text: 'x', website: 'spam' },
      [photo],
      'dosyalar sayfa yenilenince silindi',
    ],
    ['no token', { token: '', text: 'x' }, [], 'Bu sayfa eskimiş'],
    [
      'a token of a second ago',
      { token: issueToken('v', noon - 1000, tokenKey), text: 'x' },
      [],
      'çok hızlı',
    ],
    [
      'a token of two days ago',
      { token: issueToken('v', noon - 2 * 86_400_000, tokenKey), text: 'x' },
      [],
      'bir günden uzun',
    ],
    ['a file too large', { text: 'x' }, [big], '«büyük.mp4» çok büyük'],
    ['a good file behind a large one', { text: 'x' }, [big, photo], '«büyük.mp4» çok büyük'],
    ['a program', { text: 'x' }, [program], '«a.exe» alınamadı'],
    ['a file of nothing', { text: 'x' }, [empty], '«boş.jpg» alınamadı'],
    ['four files where three may be', { text: 'x' }, [photo, photo, photo, photo], 'Çok sayıda dosya'],
  ])('comes back with what was typed: %s', async (_name, fields, files, said) => {
    const answer = await submit({ token: readyToken(), street: 'Aras "Sk" <b>', ...fields }, files);
    expect(answer.statusCode).toBe(422);
    expect(answer.body).toContain(said);
    expect(answer.body).toContain('<title>Hata: ');
    expect(answer.body).toContain('value="Aras &quot;Sk&quot; &lt;b&gt;"');
    expect(answer.body).toContain(`${fields.text ?? ''}</textarea>`);
    expect(answer.body.includes('yeniden seçin')).toBe(files.length > 0);
    expect(gateway.submissions).toEqual([]);
  });

  it('reads on behind a file that was refused at its first bytes, over a real connection', async () => {
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    const form = new FormData();
    form.append('token', readyToken());
    form.append('text', 'x');
    form.append('files', new File([`MZ${'x'.repeat(900_000)}`], 'b.exe', { type: 'image/png' }));
    form.append('files', new File([photo.content], photo.name, { type: photo.type }));
    const answer = await fetch(origin, { method: 'POST', body: form });
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain('«b.exe» alınamadı');
    expect(gateway.uploads.map(({ name }) => name)).toEqual(['çukur.jpg']);
  });

  it('takes no file before it knows the form is ours', async () => {
    await submit({ token: 'forged', text: 'x' }, [photo]);
    expect(gateway.uploads).toEqual([]);
  });

  it('keeps the first token after a mistake, so that the corrected form is still the same application', async () => {
    const token = readyToken();
    const answer = await submit({ token });
    expect(answer.body).toContain(`value="${token}"`);
  });

  it('is accepted at once after a form that had gone stale is sent again', async () => {
    const stale = await submit({ token: '', text: 'x' });
    const token = /name="token" value="([^"]+)"/.exec(stale.body)?.[1] ?? '';
    expect((await submit({ token, text: 'x' })).statusCode).toBe(200);
  });

  it.each([
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['</textarea><img src=x onerror=alert(1)>', '&lt;/textarea&gt;&lt;img src=x onerror=alert(1)&gt;'],
    ['"\'><svg onload=alert(1)>', '&quot;&#39;&gt;&lt;svg onload=alert(1)&gt;'],
  ])('prints %j back as text in every field', async (attack, printed) => {
    const answer = await submit({
      token: attack,
      text: attack,
      applicationType: attack,
      district: attack,
      neighbourhood: attack,
      street: attack,
      doorNo: attack,
      placeText: attack,
      lat: attack,
      lon: attack,
      accuracyM: attack,
      anonymity: attack,
      name: attack,
      phone: attack,
      email: attack,
      tckn: attack,
      preferredReply: attack,
    });
    expect(answer.statusCode).toBe(422);
    expect(answer.body).toContain(printed);
    expect(answer.body).not.toContain(attack);
  });

  it('keeps the text and says so while the store cannot commit', async () => {
    gateway.failure = new TransientError('store_unavailable', 'Disk full.');
    const token = readyToken();
    const answer = await submit({ token, text: 'çukur' });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('120');
    expect(answer.body).toContain('Şu anda kaydedemiyoruz');
    expect(answer.body).toContain('çukur</textarea>');
    expect((await submit({ token, text: 'çukur' })).statusCode).toBe(200);
  });

  it('points at the field the gateway refused', async () => {
    gateway.failure = new RefusedRequest('invalid_request', 'No.', {
      errors: [{ pointer: '/citizen/email', message: 'wrong' }],
    });
    const answer = await submit({ token: readyToken(), text: 'x', email: 'a' });
    expect(answer.body).toContain('<a href="#email">Bu alanı anlayamadık');
    expect(answer.body).toContain('id="email-error"');
  });

  it('answers a fault of ours with a page that shows nothing of it', async () => {
    gateway.failure = new Error('secret path /var/lib');
    const answer = await submit({ token: readyToken(), text: 'x' });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).toContain('Bir şeyler ters gitti');
    expect(answer.body).not.toContain('secret');
  });

  it.each<[name: string, contentType: string, payload: string, status: number]>([
    [
      'a body that ends in the middle',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx',
      400,
    ],
    ['a multipart body without a boundary', 'multipart/form-data', 'x', 400],
    [
      'a field called __proto__',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nx\r\n--b--\r\n',
      400,
    ],
    ['JSON', 'application/json', '{"text":"x"}', 400],
    ['bytes of no known type', 'application/octet-stream', 'x', 400],
    ['300 kB of url-encoded text', 'application/x-www-form-urlencoded', `text=${'x'.repeat(300_000)}`, 413],
  ])('answers %s with a page', async (_name, contentType, payload, status) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': contentType },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(gateway.submissions).toEqual([]);
  });

  it('refuses a form that says it is larger than all files together may be', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': '900000000' },
    });
    expect(answer.statusCode).toBe(413);
    expect(answer.body).toContain('çok büyük');
  });

  it('offers no way out that would lose the number or what was typed', async () => {
    expect((await app.inject('/')).body).toContain('hreflang');
    expect((await submit({ token: readyToken(), text: 'x' })).body).not.toContain('hreflang');
    expect((await submit({ token: readyToken() })).body).not.toContain('hreflang');
  });

  it.each<[fields: Fields, said: string]>([
    [{ anonymity: 'anonymous', phone: '0532 000 00 00' }, 'Gizli ve adsız başvurularda'],
    [{ anonymity: 'confidential', phone: '0532 000 00 00' }, 'Gizli ve adsız başvurularda'],
    [{}, 'Telefon ya da e-posta yazmadınız'],
    [{ phone: '12' }, 'telefon numarası eksik görünüyor'],
    [{ phone: 'abc' }, 'telefon numarası eksik görünüyor'],
    [{ phone: '0532 000 00 0', email: 'ayse' }, 'telefon numarası eksik görünüyor'],
    [{ email: 'ayse' }, 'e-posta adresi eksik görünüyor'],
  ])('tells who gave %j where the answer will be', async (fields, said) => {
    expect((await submit({ token: readyToken(), text: 'x', ...fields })).body).toContain(said);
  });
});

describe('tracking', () => {
  it('shows status, promise and the texts meant for the citizen', async () => {
    const answer = await track('sok 26 0000001 4', '402 913');
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain('İlgili birime iletildi');
    expect(answer.body).toContain('24 Kasım 2026 Salı 12:00');
    expect(answer.body).toContain('iletildi.<br>Ekip salı günü çukuru kapatacak. &lt;b&gt;');
  });

  it('says the same of a wrong PIN and of a number that does not exist', async () => {
    const wrongPin = await track('SOK-26-0000001-4', '000000');
    const noRecord = await track('SOK-26-0000002-3', '000000');
    expect(wrongPin.statusCode).toBe(422);
    expect(noRecord.statusCode).toBe(wrongPin.statusCode);
    expect(noRecord.body.replaceAll('SOK-26-0000002-3', 'SOK-26-0000001-4')).toBe(wrongPin.body);
  });

  it('is locked after five wrong PINs, for the right one too', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) await track('SOK-26-0000001-4', '000000');
    const locked = await track('SOK-26-0000001-4', '402913');
    expect(locked.statusCode).toBe(423);
    expect(locked.headers['retry-after']).toBe('3600');
    expect(locked.body).toContain('bir saat sonra');
  });

  it.each([
    ['SOK-26-0000001-5', '402913', 'Kayıt numarası eksik ya da yanlış yazılmış.'],
    ['SOK-26-0000001-4', '12', 'PIN altı rakamdır.'],
    ['"><script>', '402913', 'value="&quot;&gt;&lt;script&gt;"'],
  ])('asks again for %j and %j', async (number, pin, said) => {
    const answer = await track(number, pin);
    expect(answer.statusCode).toBe(422);
    expect(answer.body).toContain(said);
  });

  it('never prints the PIN back', async () => {
    expect((await track('SOK-26-0000001-4', '987654')).body).not.toContain('987654');
  });

  it('marks Turkish words in the English page', async () => {
    const answer = await track('SOK-26-0000001-4', '402913', '/en/takip');
    expect(answer.body).toContain('Sent to the office in charge');
    expect(answer.body).toContain('<span lang="tr">Not eklendi</span>');
  });

  it.each(eventNames.filter((name) => eventRule(name).status !== undefined || eventRule(name).byPerson))(
    'says «%s» in English on the English page',
    (name) => {
      // A proposed answer is not yet one, and not shown.
      if (name !== 'answer_proposed') expect(textsOf.en.tracking.events[name]).toBeDefined();
    },
  );

  it('opens by link, and a link that is not one is a page not found', async () => {
    expect((await app.inject('/takip/token-1')).statusCode).toBe(200);
    const unknown = await app.inject('/en/takip/nope');
    expect(unknown.statusCode).toBe(404);
    expect(unknown.body).toContain('Page not found');
  });

  it('leads to the same record in the other language', async () => {
    expect((await app.inject('/takip/token-1')).body).toContain('href="/en/takip/token-1" hreflang="en"');
  });

  it('fills the number of a link without token in', async () => {
    expect((await app.inject('/takip?no=SOK-26-0000001-4')).body).toContain('value="SOK-26-0000001-4"');
  });
});

describe('every page', () => {
  it.each([
    '/',
    '/en',
    '/takip',
    '/en/takip',
    '/takip/token-1',
    '/takip/nope',
    '/kvkk',
    '/en/kvkk',
    '/erisilebilirlik',
    '/en/erisilebilirlik',
  ])('%s is kept by nobody, leaks no address and runs no foreign code', async (url) => {
    const answer = await app.inject(url);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.body).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?! src="\/assets\/)/);
    expect(answer.body).toContain('112');
  });

  it('of English is found with a slash at its end too', async () => {
    const answer = await app.inject('/en/');
    expect([answer.statusCode, answer.headers.location]).toEqual([308, '/en']);
  });

  it('names the notice version and the institution in the KVKK notice', async () => {
    const answer = await app.inject('/kvkk');
    expect(answer.body).toContain(notice.version);
    expect(answer.body).toContain(institution.name);
    expect(answer.body).not.toContain('{institution}');
  });

  it('has its files under addresses that may be kept for ever', async () => {
    const { body } = await app.inject('/');
    const urls = [...body.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(urls).toHaveLength(3);
    for (const url of urls) {
      const asset = await app.inject(url);
      expect(asset.statusCode).toBe(200);
      expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    }
  });
});

describe('error pages', () => {
  const answer = citizenErrors(institution);
  it.each([
    ['/yok', { statusCode: 404 }, 404, 'Sayfa bulunamadı'],
    ['/en/nope', { statusCode: 404 }, 404, 'Page not found'],
    ['/', { statusCode: 413 }, 413, 'çok büyük'],
    ['/', { code: 'rate_limited', retryAfterMs: 30_000 }, 429, 'Çok sık denediniz'],
    ['/', { code: 'overloaded' }, 503, 'Şu anda hizmet veremiyoruz'],
    ['/en', { code: 'overloaded' }, 503, 'We cannot serve you'],
    ['/', { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }, 400, 'anlaşılamadı'],
    ['/', 'a thrown string', 500, 'ters gitti'],
  ])('%s with %j is a page of status %i', async (url, thrown, status, said) => {
    const { app: server } = await servePages();
    server.get('/hata/*', async () => undefined);
    server.setNotFoundHandler((request, reply) => answer(thrown, request, reply));
    const response = await server.inject({ url: `${url.replace(/\/$/, '')}/x-${status}` });
    await server.close();
    expect(response.statusCode).toBe(status);
    expect(response.body).toContain(said);
    if (status === 429) expect(response.headers['retry-after']).toBe('30');
  });

  it('are for those who ask for pages', async () => {
    const { app: server } = await servePages();
    server.setNotFoundHandler((request, reply) => reply.code(404).send({ page: wantsPage(request) }));
    const browser = await server.inject({ url: '/yok', headers: { accept: 'text/html,*/*;q=0.8' } });
    const machine = await server.inject({ url: '/yok', headers: { accept: 'application/json' } });
    await server.close();
    expect([browser.json(), machine.json()]).toEqual([{ page: true }, { page: false }]);
  });
});

describe('the notice files', () => {
  const file = (version: string) => `---\nversion: ${version}\n---\n# x\n`;
  it.each([
    ['no front matter', '# x', file('1')],
    ['another version in English', file('1'), file('2')],
    ['a version with spaces', file('1 2'), file('1 2')],
  ])('are refused with %s', (_name, tr, en) => {
    expect(() => readNotice({ tr, en })).toThrow(/notices\/kvkk/);
  });
});
