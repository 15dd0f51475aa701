import { type EventName, eventNames } from '@kapi/contract';

/** Closed word lists of the contract's types, for reading them back from columns. */
export const noticeStates = [
  'pending',
  'sending',
  'sent',
  'delivered',
  'unknown',
  'failed',
  'suppressed',
] as const;
export const languages = ['tr', 'en', 'ar'] as const;
export const partStates = ['pending', 'stored', 'retrying', 'expired', 'refused', 'infected'] as const;
export const envelopeStates = ['unread', 'read', 'quarantined', 'erased'] as const;
export const messageStates = ['settling', 'in-record', 'not-a-case', 'erased'] as const;

export const eventName = (name: string): EventName => {
  const found = eventNames.find((candidate) => candidate === name);
  if (!found) throw new Error('An event has an unknown name.');
  return found;
};
