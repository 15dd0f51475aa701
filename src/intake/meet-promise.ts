import { type Change, meetDeadline, type SokRecord } from '@kapi/contract';
import { writeEvent } from './changes.ts';
import type { House } from './house.ts';

/** The record's next version with its 48-hour clock met at that moment, and the event that says so. */
export function meetPromise(house: House, record: SokRecord, at: number): readonly Change[] {
  const after = { ...record, deadlines: meetDeadline(record.deadlines, '48h', at) };
  const seed = { id: house.ids.uuid(), name: 'promise_met', at, actor: 'notify', data: {} } as const;
  return writeEvent(record, after, seed, house.settings(), house.planNotices).changes;
}
