import {
  type EventName,
  outgoingType,
  type Profile,
  project,
  projectEvent,
  type SokRecord,
} from '../record/index.ts';

export interface RecordEvent {
  readonly id: string;
  readonly recordId: string;
  readonly name: EventName;
  /** 1, 2, 3 … per record. */
  readonly sequence: number;
  /** Version of the record right after the event; equal to `sequence`, since each event makes one version. */
  readonly version: number;
  readonly at: string;
  readonly actor: string;
  /** Sealed. What the event says beyond the record: texts, reasons, links. */
  readonly data: EventData;
}

export interface EventData {
  /** Meant for the citizen. */
  readonly citizenText?: string;
  /** For the house alone; no profile but `full` carries it. */
  readonly internalNote?: string;
  readonly [key: string]: unknown;
}

/** CloudEvents 1.0, JSON format (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly sequence: number;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Record<string, unknown>;
}

/** `type` of the CloudEvent that an event leaves as. */
export const eventType = (name: EventName): string => outgoingType(name) ?? `kapi.record.${name}.v1`;

/** Renders an event for a profile. Pure: the same event, record version and profile give the same object. */
export function toCloudEvent(
  event: RecordEvent,
  record: SokRecord,
  profile: Profile,
  institution: string,
): CloudEvent {
  const detail = projectEvent(event.data, record.anonymity, profile);
  return {
    specversion: '1.0',
    id: event.id,
    type: eventType(event.name),
    source: `kapi/${institution}`,
    subject: record.number,
    sequence: event.sequence,
    time: event.at,
    datacontenttype: 'application/json',
    data: { ...project(record, profile), event: { name: event.name, ...detail } },
  };
}
