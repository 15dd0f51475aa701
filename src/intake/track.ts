import { timingSafeEqual } from 'node:crypto';
import { canonicalNumber, eventRule, type RecordView, RefusedRequest, statusLabels } from '@kapi/contract';
import type { Tracking } from './gateway.ts';
import type { House } from './house.ts';
import type { PinLocks } from './pin-locks.ts';

const notFound = () => new RefusedRequest('not_found', 'No record opens with this number and PIN.');

const same = (expected: string, typed: string): boolean =>
  expected.length === typed.length && timingSafeEqual(Buffer.from(expected), Buffer.from(typed));

const locked = () => new RefusedRequest('locked', 'Too many wrong PINs; try again in an hour.');

/**
 * A citizen's look at their own record. Five wrong PINs lock a number for an hour, whether or not a
 * record has it: no answer tells a wrong PIN from an unknown number.
 */
export async function track(
  house: House,
  locks: PinLocks,
  typedNumber: string,
  typedPin: string,
): Promise<Tracking> {
  const number = canonicalNumber(typedNumber);
  // A wrong check digit says nothing about any record.
  if (number === undefined) throw notFound();
  return locks.inTurn(number, () => guess(house, locks, number, typedPin.replace(/\s/g, '')));
}

async function guess(house: House, locks: PinLocks, number: string, pin: string): Promise<Tracking> {
  const view = await house.reader.record({ number });
  const now = house.clock.now();
  if (view === undefined) {
    if (locks.isLocked(number, now)) throw locked();
    locks.wrong(number, now);
    throw notFound();
  }
  if ((view.pin.lockedUntil ?? 0) > now) throw locked();
  const hit = /^\d{6}$/.test(pin) && same(view.record.trackingPin, pin);
  if (!hit || view.pin.wrong > 0) {
    await house.pipeline.save([{ changes: [{ do: 'pin-attempt', recordId: view.record.id, hit, at: now }] }]);
  }
  if (!hit) throw notFound();
  return toTracking(view);
}

export async function trackByToken(house: House, token: string): Promise<Tracking> {
  const id = house.tracking.recordOf(token);
  const view = id === undefined ? undefined : await house.reader.record({ id });
  if (view === undefined || !same(view.record.trackingToken, token)) throw notFound();
  return toTracking(view);
}

/** Status, promise, and the texts meant for the citizen; no personal data, no internal note. */
function toTracking({ record, events }: RecordView): Tracking {
  const promise = record.deadlines.find(({ kind }) => kind === '48h');
  const history = events.flatMap((event) => {
    const { status } = eventRule(event.name);
    const text = typeof event.data.citizenText === 'string' ? event.data.citizenText : undefined;
    // A proposed answer is not yet an answer.
    if (event.name === 'answer_proposed' || (status === undefined && text === undefined)) return [];
    return [
      {
        at: event.at,
        event: event.name,
        label: status === undefined ? 'Bilgi' : statusLabels[status],
        ...(text !== undefined && { text }),
      },
    ];
  });
  return {
    number: record.number,
    status: record.status,
    statusLabel: statusLabels[record.status],
    receivedAt: record.receivedAt,
    ...(promise && promise.metAt === undefined && { promiseDueAt: promise.dueAt }),
    ...(record.route.unit !== undefined && { unit: record.route.unit }),
    history,
  };
}
