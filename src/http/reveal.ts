import { RefusedRequest } from '@kapi/contract';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../intake/gateway.ts';
import { requireScopes } from './keys.ts';

/** Query field with which a reader says why personal data must be seen; the header does the same. */
export const revealQuery = z
  .string()
  .trim()
  .min(3)
  .max(500)
  .optional()
  .describe('Why personal data must be seen; needs records:reveal; written to the audit chain');

export const revealHeader = 'kapi-reveal-reason';

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/**
 * The reason given, or undefined: masked. The header is percent-encoded where it is not ASCII.
 * @throws RefusedRequest `forbidden` for keys that may not reveal, `invalid_request` for an empty reason
 */
export function revealReason(
  request: FastifyRequest,
  actor: Actor,
  query: string | undefined,
): string | undefined {
  const header = request.headers[revealHeader];
  const given = query ?? (typeof header === 'string' ? decoded(header) : undefined);
  if (given === undefined) return undefined;
  requireScopes(actor, ['records:reveal']);
  const reason = revealQuery.safeParse(given);
  if (!reason.success || reason.data === undefined) {
    throw new RefusedRequest('invalid_request', 'A reveal needs a reason of 3 to 500 characters.', {
      errors: [{ pointer: `/headers/${revealHeader}`, message: 'Give a reason of 3 to 500 characters.' }],
    });
  }
  return reason.data;
}
