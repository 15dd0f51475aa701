import type { Anonymity, ApplicationType, Channel, MessageSubmission } from '@kapi/contract';

/**
 * One message of the demonstration hour. Every text is written for it, by us; the people are made up, their
 * mail goes to example domains, and their telephones begin with 0580, which the numbering plan gives to no
 * operator: https://eng.btk.gov.tr/genel-numaralandirma-plani (read 2026-11), libphonenumber 1.13.16.
 */
export interface DemoMessage {
  readonly text: string;
  readonly name?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly tckn?: string;
  readonly type?: ApplicationType;
  readonly anonymity?: Anonymity;
  readonly language?: string;
  readonly place?: MessageSubmission['place'];
  readonly photos?: readonly ('png' | 'jpeg')[];
  /** How often the sender's software, or an impatient finger, sends the very same again. */
  readonly repeats?: number;
}

/** A message that somebody else's software hands in through the entrance API. */
export interface ApiMessage extends DemoMessage {
  readonly channel: Channel;
  readonly gathering?: MessageSubmission['gathering'];
  readonly external?: MessageSubmission['external'];
}
