import type { SokRecord } from '@kapi/contract';
import type { Understanding } from '../understanding/index.ts';
import type { DestinationSettings } from './settings.ts';

/**
 * Who gets it: an explicitly named unit beside the coordination centre, which gets every record.
 * A confidential applicant's matter goes to coordination alone until a person sends it on.
 */
export function route(
  understood: Pick<Understanding, 'anonymity'>,
  unit: string | undefined,
  at: string,
): { readonly owner: SokRecord['owner']; readonly route: SokRecord['route'] } {
  if (unit === undefined || understood.anonymity !== 'open') {
    return { owner: 'unknown', route: { mode: 'proposal', history: [] } };
  }
  return { owner: 'unknown', route: { unit, mode: 'manual', history: [{ unit, mode: 'manual', at }] } };
}

/**
 * Destinations of a record's events: those without a unit list always, a unit's own where the record is
 * routed to it. Secrecy grade HZO and above reaches only destinations that are not a unit's.
 */
export function destinationsOf(
  record: Pick<SokRecord, 'route' | 'confidentiality' | 'anonymity'>,
  destinations: readonly DestinationSettings[],
): DestinationSettings[] {
  const guarded = record.confidentiality !== 'none' || record.anonymity !== 'open';
  return destinations.filter(
    ({ units }) =>
      units === undefined ||
      (!guarded && record.route.unit !== undefined && units.includes(record.route.unit)),
  );
}
