import { type HttpClient, RejectedError } from '@kapi/contract';
import { fileOf } from './file-of.ts';
import { maxFileBytes } from './gateway.ts';

interface FetchUrlParts {
  readonly http: HttpClient;
  /** Hosts that a message may name, with those below them, as configured now; undefined: every public one. */
  readonly hosts: () => readonly string[] | undefined;
}

/**
 * The file behind a URL that a message names.
 * @throws RejectedError `address_guarded` for a host that is not on the list
 */
export function fetchUrlOf({ http, hosts }: FetchUrlParts) {
  return async (address: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> => {
    signal.throwIfAborted();
    const allowed = hosts();
    const host = URL.parse(address)?.hostname.replace(/\.$/, '') ?? '';
    if (allowed && !allowed.some((name) => host === name || host.endsWith(`.${name}`)))
      throw new RejectedError('address_guarded', 'the host is not among attachments.urlHosts');
    return fileOf(await http(address, { maxBytes: maxFileBytes, timeoutMs: 30_000 }));
  };
}
