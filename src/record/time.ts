/** Civil time of the institution. Türkiye has kept UTC+03:00 all year since 2016-09-07 (Decree 2016/9154). */
const offsetMs = 3 * 3600_000;

let lastEpoch = Number.NaN;
let lastInstant = '';

/** Epoch milliseconds to ISO 8601 at +03:00, milliseconds kept. One message asks for the same moment many times. */
export function toInstant(epochMs: number): string {
  if (epochMs !== lastEpoch) {
    lastInstant = `${new Date(epochMs + offsetMs).toISOString().slice(0, -1)}+03:00`;
    lastEpoch = epochMs;
  }
  return lastInstant;
}

/** ISO 8601 with offset to epoch milliseconds. */
export function toEpoch(instant: string): number {
  return Date.parse(instant);
}

/** The civil year in Türkiye at that moment. */
export function civilYear(epochMs: number): number {
  return new Date(epochMs + offsetMs).getUTCFullYear();
}
