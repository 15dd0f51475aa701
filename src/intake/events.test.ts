import type { EventSubmission, SokRecord } from '@kapi/contract';
import { describe, expect, it } from 'vitest';
import { moved } from './events.ts';
import { noon, sampleRecord } from './testing/samples.ts';

const moveBy = (record: SokRecord, event: EventSubmission) =>
  moved(record, event, { name: 'key:clerk' }, noon);

describe('an event moves a record', () => {
  it.each<[string, EventSubmission, Partial<SokRecord>]>([
    ['accepted', { event: 'accepted' }, { status: 'accepted' }],
    [
      'answered keeps why not',
      { event: 'answered', citizenText: 'Olmaz', outcome: 'negative', reason: 'bütçe' },
      { status: 'answered', outcome: { result: 'negative', reason: 'bütçe' } },
    ],
    [
      'linked as duplicate',
      { event: 'linked', link: { number: 'SOK-26-0000001-0', as: 'duplicateOf' } },
      { status: 'duplicate', links: { related: [], duplicateOf: 'SOK-26-0000001-0' } },
    ],
    ['a note changes nothing', { event: 'noted', internalNote: 'arandı' }, { status: 'queued' }],
    [
      'asked waits for the citizen',
      { event: 'asked', citizenText: 'Hangi sokak?' },
      { status: 'incomplete' },
    ],
  ])('%s', (_name, event, expected) => {
    expect(moveBy(sampleRecord(), event)).toMatchObject(expected);
  });

  it('forwarding writes the way it went', () => {
    const record = moveBy(sampleRecord(), { event: 'forwarded', unit: 'park-bahceler' });
    expect(record.route).toMatchObject({
      unit: 'park-bahceler',
      mode: 'manual',
      history: [{ unit: 'park-bahceler' }],
    });
  });

  it('a plan with a date starts a clock of its own', () => {
    const record = moveBy(sampleRecord(), {
      event: 'in_progress',
      citizenText: 'Cuma günü',
      plannedDate: '2026-11-27',
    });
    expect(record.deadlines.map(({ kind }) => kind)).toEqual(['48h', 'planned']);
  });

  it('a correction is a finding from the clerk', () => {
    const record = moveBy(sampleRecord(), {
      event: 'corrected',
      set: {
        place: { district: 'Nilüfer' },
        citizen: { phone: '0533 222 11 00' },
        applicationType: 'opinion',
      },
    });
    expect(record.findings['/place/district']).toMatchObject({ value: 'Nilüfer', from: 'clerk' });
    expect(record.citizen.phones).toEqual(['+905332221100', '+905321234567']);
    expect(record.kind).toBe('suggestion');
  });

  it('a link is taken back without a trace on the record', () => {
    const link = { number: 'SOK-26-0000001-0', as: 'duplicateOf' } as const;
    const linked = moveBy(sampleRecord(), { event: 'linked', link });
    expect(moveBy(linked, { event: 'unlinked', link })).toEqual(sampleRecord());
  });
});

describe('an event that cannot be is refused', () => {
  it('names the legal events', () => {
    const closed = sampleRecord({ status: 'closed' });
    expect(() => moveBy(closed, { event: 'accepted' })).toThrow(
      expect.objectContaining({
        code: 'illegal_transition',
        extra: expect.objectContaining({ legal: expect.arrayContaining(['reopened', 'noted']) }),
      }),
    );
  });
  it.each<[EventSubmission['event'], string]>([
    ['answered', '/citizenText'],
    ['forwarded', '/unit'],
    ['closed', '/outcome'],
    ['noted', '/internalNote'],
    ['linked', '/link'],
    ['split', '/messages'],
  ])('%s without %s', (event, pointer) => {
    expect(() => moveBy(sampleRecord(), { event })).toThrow(
      expect.objectContaining({ code: 'invalid_request', errors: [expect.objectContaining({ pointer })] }),
    );
  });

  it.each<[string, EventSubmission, string | undefined]>([
    ['a no without a why', { event: 'closed', outcome: 'negative' }, '/reason'],
    ['a no with an empty why', { event: 'closed', outcome: 'negative', reason: '' }, '/reason'],
    ['what was not taken on without a why', { event: 'cancelled', outcome: 'invalid' }, '/reason'],
    ['a no with a reason', { event: 'closed', outcome: 'negative', reason: 'bütçe' }, undefined],
    ['a no in an answer', { event: 'answered', citizenText: 'Bütçe yok', outcome: 'negative' }, undefined],
    ['a yes', { event: 'closed', outcome: 'positive' }, undefined],
    ['a plan for yesterday', { event: 'in_progress', plannedDate: '2026-11-21' }, '/plannedDate'],
    ['a plan for 2020', { event: 'answered', citizenText: 'x', plannedDate: '2020-01-01' }, '/plannedDate'],
    ['a plan for today', { event: 'in_progress', plannedDate: '2026-11-22' }, undefined],
  ])('%s', (_name, event, pointer) => {
    const move = () => moveBy(sampleRecord(), event);
    if (pointer === undefined) expect(move).not.toThrow();
    else
      expect(move).toThrow(
        expect.objectContaining({ code: 'invalid_request', errors: [expect.objectContaining({ pointer })] }),
      );
  });
});
