import type { Profile } from '../record/index.ts';
import type { HttpClient, Logger } from './adapter.ts';

/** One event on its way out; the bytes are identical on every retry and for every destination of the profile. */
export interface OutgoingEvent {
  /** The identity everywhere: `webhook-id`, `message_id`, Message-ID. */
  readonly id: string;
  /** CloudEvents type, e.g. `kapi.record.received.v1`. */
  readonly type: string;
  /** Record number. */
  readonly subject: string;
  readonly sequence: number;
  readonly time: string;
  readonly profile: Profile;
  /** CloudEvents 1.0 in JSON, UTF-8. */
  readonly body: Uint8Array;
  /** 1 on the first try. */
  readonly attempt: number;
}

export interface DestinationContext {
  readonly signal: AbortSignal;
  readonly http: HttpClient;
  readonly log: Logger;
}

/**
 * Where events go by being pushed. `send` is called with at most `concurrency` events at once, never
 * two of one record. It resolves when the other side has the event durably; throws TransientError
 * (`retryAfterMs` obeyed; `destination_gone` pauses the destination), or RejectedError when this event
 * is refused for good. Anything else thrown is retried like a TransientError and counted as our bug.
 */
export interface Destination {
  readonly kind: string;
  readonly concurrency: number;
  /** Delays before the second, third … try, milliseconds; after the last, its value repeats until the horizon. */
  readonly retryScheduleMs: readonly number[];
  /** Longest one `send` may take; 15 seconds where absent. Then its signal aborts and the event is retried. */
  readonly timeoutMs?: number;
  send(event: OutgoingEvent, context: DestinationContext): Promise<void>;
  /** Reaches the other side without sending an event; for doctor. */
  probe?(context: DestinationContext): Promise<{ readonly ok: boolean; readonly detail: string }>;
  close?(): Promise<void>;
}
