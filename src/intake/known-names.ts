import type { FieldError } from '@kapi/contract';
import type { IntakeSettings } from './settings.ts';

interface Named {
  readonly unit?: string | undefined;
  readonly partner?: string | undefined;
  readonly topic?: string | undefined;
}

type Known = Pick<IntakeSettings, 'units' | 'partners' | 'topics'>;

/** Names that the configuration does not have, each by its pointer. Pure. */
export function unknownNames(
  { unit, partner, topic }: Named,
  known: Known,
  topicPointer = '/topic',
): FieldError[] {
  return [
    ...(unit === undefined || known.units.has(unit)
      ? []
      : [{ pointer: '/unit', message: `no unit «${unit}» is configured` }]),
    ...(partner === undefined || known.partners.has(partner)
      ? []
      : [{ pointer: '/partner', message: `no partner «${partner}» is configured` }]),
    ...(topic === undefined || known.topics.has(topic)
      ? []
      : [{ pointer: topicPointer, message: `no topic «${topic}» is configured` }]),
  ];
}
