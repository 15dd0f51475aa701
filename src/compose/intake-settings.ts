import type { Config } from '../config/index.ts';
import type { AccountSettings, DestinationSettings, IntakeSettings } from '../intake/settings.ts';
import { createLexicon } from '../understanding/index.ts';

export const toDestinations = (destinations: Config['destinations']): DestinationSettings[] =>
  destinations.map(({ id, profile, units }) => ({ id, profile, ...(units && { units }) }));
const idsOf = (...lists: readonly (readonly { readonly id: string }[])[]): ReadonlySet<string> =>
  new Set(lists.flat().map(({ id }) => id));

/** What intake needs of a configuration. */
export const toIntakeSettings = (
  config: Config,
  accounts: ReadonlyMap<string, AccountSettings>,
): IntakeSettings => ({
  institution: config.institution.id,
  prefix: config.institution.prefix,
  accounts,
  destinations: toDestinations(config.destinations.filter(({ enabled }) => enabled)),
  lexicon: createLexicon(config.words),
  units: idsOf(config.units.units, config.units.districts, config.units.districtUnits, config.units.partners),
  partners: idsOf(config.units.partners, config.units.districts),
  topics: new Set(config.topics.map(({ code }) => code)),
  retentionDays: config.privacy.retentionDays,
});
