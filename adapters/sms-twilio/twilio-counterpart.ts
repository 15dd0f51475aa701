import { createServer } from 'node:http';

/** Twilio's Messages API on loopback, as far as replies need it. https://www.twilio.com/docs/messaging/api/message-resource */

export interface SentMessage {
  readonly sid: string;
  readonly parameters: URLSearchParams;
  readonly authorization: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly code?: number;
  readonly retryAfter?: string;
}

export interface Counterpart {
  readonly url: string;
  readonly sent: SentMessage[];
  stop(): Promise<void>;
}

const resource = (accountSid: string, sid: string, to: string, body: string, status: string, at: Date) => ({
  sid,
  account_sid: accountSid,
  to,
  body,
  status,
  direction: 'outbound-api',
  date_created: at.toUTCString(),
  date_sent: null,
  date_updated: at.toUTCString(),
  num_media: '0',
  num_segments: '1',
  subresource_uris: {},
});

/** `answer`: what a send gets in place of 201; `hang up`: the request is read and the connection closed. */
export async function startCounterpart(answer?: Answer | 'hang up'): Promise<Counterpart> {
  const sent: SentMessage[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    let body = '';
    for await (const chunk of request) body += chunk;
    const reply = (status: number, value: unknown, headers: Record<string, string> = {}): void => {
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    };
    const [, , , accountSid = '', , leaf = ''] = url.pathname.split('/');
    if (answer === 'hang up') {
      request.socket.destroy();
    } else if (answer) {
      const { status, code, retryAfter } = answer;
      const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
      reply(status, { code, message: 'The number +905321234567 is not good', status }, headers);
    } else if (request.method === 'POST') {
      const parameters = new URLSearchParams(body);
      const sid = `SM${String(sent.length + 1).padStart(32, '0')}`;
      sent.push({ sid, parameters, authorization: request.headers.authorization });
      reply(
        201,
        resource(
          accountSid,
          sid,
          parameters.get('To') ?? '',
          parameters.get('Body') ?? '',
          'queued',
          new Date(),
        ),
      );
    } else if (url.pathname.endsWith('/Messages.json')) {
      const to = url.searchParams.get('To');
      const found = sent.filter(({ parameters }) => parameters.get('To') === to);
      const messages = found.map(({ sid, parameters }) =>
        resource(accountSid, sid, to ?? '', parameters.get('Body') ?? '', 'sent', new Date()),
      );
      reply(200, { messages, page: 0, page_size: 50, next_page_uri: null });
    } else if (leaf !== '') {
      const sid = leaf.replace('.json', '');
      if (sent.some((message) => message.sid === sid))
        reply(200, resource(accountSid, sid, '', '', 'delivered', new Date()));
      else reply(404, { code: 20404, message: 'not found', status: 404 });
    } else {
      reply(200, { sid: accountSid.replace('.json', ''), status: 'active', subresource_uris: {} });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    sent,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
