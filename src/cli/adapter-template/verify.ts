import type { PushRequest, Verdict } from '@kapi/contract';
import { hmac, sameSecret, singleHeader } from '@kapi/kit';
import type { Config } from './config.ts';

/** HMAC-SHA256 of the exact body, in lower-case hexadecimal. */
export function verify(request: PushRequest, { config }: { readonly config: Config }): Verdict {
  const offered = singleHeader(request.headers, 'x-signature');
  if (offered === undefined) return 'forged';
  let genuine = false;
  for (const secret of config.secrets) {
    if (sameSecret(hmac('sha256', secret, request.body, 'hex'), offered)) genuine = true;
  }
  return genuine ? 'genuine' : 'forged';
}
