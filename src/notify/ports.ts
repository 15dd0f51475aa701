import type { Channel, ReplyCapability, ReplyDraft, ReplyReceipt, ReplyStatus } from '@kapi/contract';

/** Wall time and waiting; the only clock notify knows. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** An enabled account that can write to citizens. */
export interface NoticeAccount {
  readonly id: string;
  /** What the citizen sees it as; the first channel of its adapter. */
  readonly channel: Channel;
  readonly reply: ReplyCapability;
  /** Foreign platform: gets the record number and neutral text only (KVKK, announcement of 29 January 2026). */
  readonly abroad: boolean;
}

/** An account's `reply`, bound to its context. The signal ends the try. */
export interface Sender {
  send(draft: ReplyDraft, signal: AbortSignal): Promise<ReplyReceipt>;
  lookup?(
    ref: {
      /** The provider's id, where it gave one. */
      readonly ref?: string;
      readonly idempotencyKey: string;
      readonly to: string;
      readonly text: string;
      readonly sentAfter: string;
    },
    signal: AbortSignal,
  ): Promise<ReplyStatus>;
}

/** The accounts as configured now; a reload changes the answers. */
export interface ReplyAccounts {
  list(): readonly NoticeAccount[];
  sender(account: string): Sender | undefined;
  /** False for accounts whose citizens are not written to, e.g. imports. */
  sendsNotices(account: string): boolean;
}

/** How many SMS parts a text takes. */
export type Fits = (text: string) => { readonly parts: number };
