import { type HttpResponse, RejectedError, TransientError } from '@kapi/contract';

/** The body of a file that is there. A redirect is none: what it names was not looked at. */
export async function fileOf(response: HttpResponse): Promise<AsyncIterable<Uint8Array>> {
  const { status } = response;
  if (status >= 200 && status < 300) return response.stream();
  for await (const _chunk of response.stream()) break;
  const said = `the address answered ${status}`;
  if (status === 429 || status >= 500) throw new TransientError('provider_unavailable', said);
  throw new RejectedError(status === 404 || status === 410 ? 'media_expired' : 'media_refused', said);
}
