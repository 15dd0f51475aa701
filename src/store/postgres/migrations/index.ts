import { first } from './0001-first.ts';

/** In order, each run once in its own transaction; `schema_version` counts how many ran. Never edited once released. */
export const migrations: readonly string[] = [first];
