import { eventRule, type RecordEvent, type Save, type TimerWork, toEpoch } from '@kapi/contract';
import type { House } from './house.ts';

/** Tells named people; repeats by itself until acknowledged or cleared. Texts carry no personal data. */
export interface Bell {
  raise(kind: string, subject: string, text: string, severity: 'critical' | 'warning'): Promise<void>;
  clear(kind: string, subject: string): Promise<void>;
}

/** An emergency is called out again this often until a person takes it. */
const emergencyRepeatMs = 5 * 60_000;

/** A person has moved the record since the event that made it an emergency; a note or a correction is no taking up. */
function takenUp(events: readonly RecordEvent[]): boolean {
  const called = Math.max(
    0,
    events.findLastIndex(({ data }) => data.emergency === true),
  );
  return events.slice(called + 1).some(({ name }) => {
    const { byPerson, status } = eventRule(name);
    return byPerson && (status !== undefined || name === 'linked');
  });
}

/**
 * The timer stage: the promise warns at its warning time and again when it is late; an emergency alarms
 * the duty list until someone has taken the record up. Both end by themselves when they are met.
 */
export async function ring(house: House, bell: Bell, work: TimerWork): Promise<Save> {
  const { timer, record } = work;
  const claim = { stage: 'timer', id: work.id, token: work.token } as const;
  const done: Save = { work: { ...claim, ending: { end: 'done' } }, changes: [] };
  const again = (at: number): Save => ({
    work: { ...claim, ending: { end: 'retry', at, reason: 'rings again', countAttempt: false } },
    changes: [],
  });
  if (record === undefined) return done;
  const now = house.clock.now();

  if (timer.kind === 'emergency') {
    const view = await house.reader.record({ id: record.id });
    if (view === undefined || takenUp(view.events)) {
      await bell.clear('emergency', record.number);
      return done;
    }
    const text = `Acil durum: ${record.number} kaydı kimse tarafından alınmadı. Hayati tehlike varsa 112.`;
    // Not waited for: a slow way to one person must not hold up the next emergency. The timer rings again.
    void bell.raise('emergency', record.number, text, 'critical');
    return again(now + emergencyRepeatMs);
  }
  if (timer.kind === 'promise') {
    const clock = record.deadlines.find(({ kind, metAt }) => kind === '48h' && metAt === undefined);
    if (clock === undefined || record.status === 'cancelled' || record.status === 'duplicate') {
      await bell.clear('promise', record.number);
      return done;
    }
    const late = now >= toEpoch(clock.dueAt);
    const text = late
      ? `48 saat sözü aşıldı: ${record.number} kaydı için vatandaşa henüz bilgi verilmedi.`
      : `48 saat sözü yaklaşıyor: ${record.number} kaydı için vatandaşa henüz bilgi verilmedi.`;
    void bell.raise('promise', record.number, text, late ? 'critical' : 'warning');
    return late ? again(now + 24 * 3600_000) : again(toEpoch(clock.dueAt));
  }
  house.log.error({ kind: timer.kind }, 'a timer of an unknown kind was dropped');
  return done;
}
