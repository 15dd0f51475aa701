import { codeOf, type HttpClient } from '@kapi/contract';
import { expect, it } from 'vitest';
import { fetchUrlOf } from './fetch-url.ts';

const rows: readonly { readonly url: string; readonly hosts?: readonly string[]; readonly asked: boolean }[] =
  [
    { url: 'https://foto.example/1.jpg', asked: true },
    { url: 'https://foto.example/1.jpg', hosts: [], asked: false },
    { url: 'https://foto.example/1.jpg', hosts: ['foto.example'], asked: true },
    { url: 'https://FOTO.example./1.jpg', hosts: ['foto.example'], asked: true },
    { url: 'https://cdn.foto.example/1.jpg', hosts: ['baska.example', 'foto.example'], asked: true },
    { url: 'https://benimfoto.example/1.jpg', hosts: ['foto.example'], asked: false },
    { url: 'https://foto.example.baska.example/1.jpg', hosts: ['foto.example'], asked: false },
    { url: 'https://foto.example@baska.example/1.jpg', hosts: ['foto.example'], asked: false },
    { url: 'nothing', hosts: ['foto.example'], asked: false },
  ];
it.each(rows)('$url with the hosts $hosts is asked for: $asked', async ({ url, hosts, asked }) => {
  const seen: string[] = [];
  const http: HttpClient = async (address) => {
    seen.push(address);
    return {
      status: 200,
      headers: {},
      bytes: async () => new Uint8Array(),
      text: async () => '',
      async *stream() {},
    };
  };
  const fetched = fetchUrlOf({ http, hosts: () => hosts })(url, new AbortController().signal);
  expect(await fetched.then(() => undefined, codeOf)).toBe(asked ? undefined : 'address_guarded');
  expect(seen).toEqual(asked ? [url] : []);
});
