import type { Config } from '../config/index.ts';
import type { AccountSettings, IntakeSettings } from '../intake/settings.ts';
import { createLexicon } from '../understanding/index.ts';

/** What intake needs of a configuration. */
export const toIntakeSettings = (
  config: Config,
  accounts: ReadonlyMap<string, AccountSettings>,
): IntakeSettings => ({
  institution: config.institution.id,
  prefix: config.institution.prefix,
  accounts,
  destinations: config.destinations
    .filter(({ enabled }) => enabled)
    .map(({ id, profile, units }) => ({ id, profile, ...(units && { units }) })),
  lexicon: createLexicon(config.words),
  retentionDays: config.privacy.retentionDays,
});
