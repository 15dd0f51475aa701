import { createHash } from 'node:crypto';

/** First halves of advisory locks; the server keeps one space of them for a database, so they name the schema. */
export interface Locks {
  readonly schema: number;
  readonly audit: number;
  readonly reports: number;
  readonly stripes: number;
  readonly workers: number;
}

const lockOf = (schema: string, purpose: string): number =>
  createHash('sha256').update(`kapi ${schema} ${purpose}`).digest().readInt32BE(0);

export const locksOf = (schema: string): Locks => ({
  schema: lockOf(schema, 'schema'),
  audit: lockOf(schema, 'audit'),
  reports: lockOf(schema, 'reports'),
  stripes: lockOf(schema, 'stripes'),
  workers: lockOf(schema, 'workers'),
});
