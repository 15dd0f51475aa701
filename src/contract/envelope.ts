import type { Channel, SokRecord } from '../record/index.ts';

/** The exact bytes received from a provider, never changed. */
export interface Envelope {
  readonly id: string;
  readonly adapter: string;
  readonly account: string;
  /** ISO 8601 with offset. */
  readonly receivedAt: string;
  /** As sent, e.g. `application/json; charset=utf-8`; `message/rfc822` for a mail. */
  readonly contentType: string;
  /** Allow-listed request headers, lower case; never authorisation or cookies. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Something an envelope refers to (media to fetch) or that is derived from it (parsed mail, file rows). */
export interface PartRef {
  /** Stable and unique within the envelope. */
  readonly key: string;
  readonly kind: 'media' | 'parsed';
  /** `needed`: normalize waits for it, up to `partsWaitSeconds`. `optional`: a late one makes a revision. */
  readonly wait: 'needed' | 'optional';
  readonly name?: string;
  /** As the provider claims; the core decides by content. */
  readonly mediaType?: string;
  readonly bytes?: number;
  /** Where the adapter's `fetch` finds it; opaque to the core. */
  readonly source?: string;
}

export type PartState = 'pending' | 'stored' | 'retrying' | 'expired' | 'refused' | 'infected';

export interface Part extends PartRef {
  readonly state: PartState;
  /** Result of the parser for `parsed` parts: JSON value. */
  readonly value?: unknown;
  /** Stored blob for `media` parts. */
  readonly blob?: {
    readonly id: string;
    readonly mediaType: string;
    readonly bytes: number;
    readonly sha256: string;
  };
  readonly reason?: string;
}

/** How a follow-up proves that it may join a case (promise 9). */
export type JoinProof = 'account' | 'dmarc' | 'signed-address' | 'key';

export interface InboundMessage {
  /** Stable per account: the provider's id, or derived from the bytes. The same key with other content is a revision. */
  readonly key: string;
  readonly channel: Channel;
  /** Who on this account: phone in E.164, mail address in lower case, platform user id. Groups messages to a conversation. */
  readonly sender: {
    readonly id: string;
    readonly kind: 'phone' | 'email' | 'handle';
    readonly name?: string;
    /** The provider vouches for it (platform identity) or DMARC passed. */
    readonly proven: boolean;
  };
  /** Provider time, ISO 8601 with offset. Absent: the envelope's. */
  readonly sentAt?: string;
  /** When an institution's own mailbox or gateway had it, ISO 8601, where that is known: the 48-hour promise runs from here. */
  readonly heardAt?: string;
  readonly subject?: string;
  /** What the citizen wrote, without quoted history and signature. May be empty when there are attachments. */
  readonly text: string;
  /** Everything, where `text` was cut. */
  readonly fullText?: string;
  readonly language?: string;
  /** Keys of parts of this envelope. */
  readonly attachments: readonly {
    readonly part: string;
    readonly name: string;
    readonly mediaType: string;
  }[];
  readonly location?: {
    readonly lat: number;
    readonly lon: number;
    readonly accuracyM?: number;
    readonly text?: string;
  };
  /**
   * The case it belongs to, in the sender's view, with how that is proved; without proof it is only
   * linked. References are the ids of our notices it answers, where the adapter knows them, and keys of
   * other messages.
   */
  readonly thread?: {
    readonly numbers: readonly string[];
    readonly references: readonly string[];
    readonly proof?: JoinProof;
  };
  /** Said by an automatic sender: kept and labelled, never answered automatically. */
  readonly automatic?: boolean;
  /** Facts the channel knows. */
  readonly facts?: MessageFacts;
}

/** Facts that a sender or channel states outright; each becomes a finding from `citizen` or `channel`. */
export interface MessageFacts {
  readonly name?: string | undefined;
  readonly tckn?: string | undefined;
  readonly taxNo?: string | undefined;
  readonly organisation?: string | undefined;
  readonly phones?: readonly string[] | undefined;
  readonly emails?: readonly string[] | undefined;
  /** Where the citizen lives. */
  readonly address?: string | undefined;
  readonly preferredReply?: Channel | undefined;
  readonly answerBy?: string | undefined;
  readonly needs?: SokRecord['citizen']['needs'] | undefined;
  readonly anonymity?: SokRecord['anonymity'] | undefined;
  readonly applicationType?: SokRecord['applicationType'] | undefined;
  readonly urgency?: SokRecord['urgency'] | undefined;
  readonly confidentiality?: SokRecord['confidentiality'] | undefined;
  readonly external?: SokRecord['external'] | undefined;
  readonly gathering?: SokRecord['gathering'] | undefined;
  readonly call?: SokRecord['call'] | undefined;
  readonly place?: SokRecord['place'] | undefined;
  readonly createdBy?: string | undefined;
  /** Unit named by the sender, beside coordination. */
  readonly unit?: string | undefined;
  /** Version of the KVKK notice that was shown. */
  readonly noticeVersion?: string | undefined;
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** What became of something we sent, or a wish about being sent things. */
export interface StatusItem {
  readonly key: string;
  /** Provider time, ISO 8601 with offset. Absent: the envelope's. */
  readonly at?: string;
  readonly what:
    | {
        readonly kind: 'report';
        /** Provider's id of our message, as `reply.send` returned it. */
        readonly ref: string;
        readonly state: 'sent' | 'delivered' | 'read' | 'failed';
        readonly permanent?: boolean;
        readonly code?: string;
        readonly detail?: string;
      }
    | { readonly kind: 'opt-out' | 'opt-in'; readonly address: string; readonly word: string };
}

export interface IgnoredItem {
  readonly key: string;
  /** Named, e.g. `own-loop`, `auto-reply`, `mailing-list`, `group-message`. */
  readonly reason: string;
}

export interface FailedItem {
  readonly key: string;
  readonly code: 'payload_item' | 'payload_unreadable' | 'payload_charset' | 'payload_too_deep';
  /** No personal data, no secrets. */
  readonly detail: string;
}

/** Every item of an envelope in exactly one list. */
export interface Normalized {
  readonly messages: readonly InboundMessage[];
  readonly statuses: readonly StatusItem[];
  readonly ignored: readonly IgnoredItem[];
  readonly failed: readonly FailedItem[];
}
