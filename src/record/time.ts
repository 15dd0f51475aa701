/** Civil time of the institution. Türkiye has kept UTC+03:00 all year since 2016-09-07 (Decree 2016/9154). */
const offsetMs = 3 * 3600_000;

const dayMs = 86_400_000;
/** `YYYY-MM-DDT` of the days last asked for: a message names a handful of moments on three or four days. */
const dayNames = new Map<number, string>();
const twoDigits = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

function dayName(day: number): string {
  const known = dayNames.get(day);
  if (known !== undefined) return known;
  if (dayNames.size >= 64) dayNames.clear();
  const name = new Date(day * dayMs).toISOString().slice(0, -'00:00:00.000Z'.length);
  dayNames.set(day, name);
  return name;
}

/** Epoch milliseconds to ISO 8601 at +03:00, milliseconds kept. @throws RangeError for what is no moment */
export function toInstant(epochMs: number): string {
  const local = Math.trunc(epochMs) + offsetMs;
  const day = Math.floor(local / dayMs);
  const ms = local - day * dayMs;
  const seconds = Math.floor(ms / 1000);
  const time = `${twoDigits[Math.floor(seconds / 3600)]}:${twoDigits[Math.floor(seconds / 60) % 60]}:${twoDigits[seconds % 60]}`;
  return `${dayName(day)}${time}.${String(ms % 1000).padStart(3, '0')}+03:00`;
}

/** ISO 8601 with offset to epoch milliseconds. */
export function toEpoch(instant: string): number {
  return Date.parse(instant);
}

/** The civil date in Türkiye at that moment, `2026-11-22`. */
export const civilDate = (epochMs: number): string => new Date(epochMs + offsetMs).toISOString().slice(0, 10);

/** The civil year in Türkiye at that moment. */
export function civilYear(epochMs: number): number {
  return new Date(epochMs + offsetMs).getUTCFullYear();
}
