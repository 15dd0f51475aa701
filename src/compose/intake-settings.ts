import type { Config } from '../config/index.ts';
import type { AccountSettings, DestinationSettings, IntakeSettings } from '../intake/settings.ts';
import { createLexicon } from '../understanding/index.ts';

export const toDestinations = (destinations: Config['destinations']): DestinationSettings[] =>
  destinations.map(({ id, profile, units }) => ({ id, profile, ...(units && { units }) }));

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
  retentionDays: config.privacy.retentionDays,
});
