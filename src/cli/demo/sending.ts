import { codeOf, KapiError } from '@kapi/contract';

/**
 * Sends one message, or the very same again when called again. Resolves, once the gateway has answered that
 * it is durable, with the record's number where the answer names one.
 */
export type Sending = () => Promise<string | undefined>;

/** A refusal is a fault of the demonstration or of the gateway: every message of the hour is acceptable. */
export async function refusal(response: Response, what: string): Promise<KapiError> {
  const text = await response.text();
  let code: ReturnType<typeof codeOf>;
  try {
    code = codeOf(JSON.parse(text));
  } catch {
    code = undefined;
  }
  return new KapiError(
    code ?? 'invalid_request',
    `${what} was answered ${response.status}: ${text.slice(0, 500)}`,
  );
}
