import type { FieldError, MessageSubmission } from '@kapi/contract';
import { readContacts } from '../understanding/index.ts';

const messages = {
  phone: 'no telephone number that can be called or written to',
  email: 'no e-mail address that can be written to',
  tckn: 'not eleven digits',
  taxNo: 'no tax number: its check digit is wrong',
} as const;

/**
 * What of a citizen's contacts and numbers can be none, each by its pointer: a warning where a message is taken
 * in, since no citizen loses a message for a typing mistake; an error where a clerk corrects. Pure.
 */
export function contactErrors(citizen: MessageSubmission['citizen'], base = '/citizen'): FieldError[] {
  if (citizen === undefined) return [];
  const { phone, email, tckn, taxNo } = citizen;
  if (phone === undefined && email === undefined && tckn === undefined && taxNo === undefined) return [];
  const { asWritten } = readContacts({
    phones: phone === undefined ? undefined : [phone],
    emails: email === undefined ? undefined : [email],
    tckn,
    taxNo,
  });
  return (['phone', 'email', 'tckn', 'taxNo'] as const)
    .filter((field) => asWritten[field] !== undefined)
    .map((field) => ({ pointer: `${base}/${field}`, message: messages[field] }));
}
