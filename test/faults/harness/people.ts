import type { Chance } from './chance.ts';

/** Made-up people: their numbers pass every check and belong to nobody we know. */
export interface Person {
  readonly tckn: string;
  /** As a Turk writes it. */
  readonly phone: string;
  /** E.164. */
  readonly phoneNumber: string;
  readonly name: string;
  readonly email: string;
  /** A phrase that stands in what they say, and nowhere else. */
  readonly phrase: string;
}

const letters = 'abcdefghijklmnoprstuvyz';
const word = (draw: Chance, length: number): string =>
  Array.from({ length }, () => letters[Math.floor(draw() * letters.length)] ?? 'a').join('');

/** Nine digits, then the two that check them (NVİ). */
function tcknOf(draw: Chance): string {
  const digits = Array.from(
    { length: 9 },
    (_, at) => (at === 0 ? 1 : 0) + Math.floor(draw() * (at === 0 ? 9 : 10)),
  );
  const sum = (from: number) =>
    digits.slice(0, 9).reduce((total, digit, at) => total + (at % 2 === from ? digit : 0), 0);
  const tenth = (((sum(0) * 7 - sum(1)) % 10) + 10) % 10;
  const eleventh = (digits.reduce((total, digit) => total + digit, 0) + tenth) % 10;
  return [...digits, tenth, eleventh].join('');
}

export function makePeople(count: number, draw: Chance): readonly Person[] {
  return Array.from({ length: count }, () => {
    const last = String(Math.floor(draw() * 1e7)).padStart(7, '0');
    const name = `Kanarya${word(draw, 7)} Soyad${word(draw, 7)}`;
    return {
      tckn: tcknOf(draw),
      phone: `0543 ${last.slice(0, 3)} ${last.slice(3, 5)} ${last.slice(5)}`,
      phoneNumber: `+90543${last}`,
      name,
      email: `kanarya.${word(draw, 9)}@posta.example`,
      phrase: `sirdas${word(draw, 10)}`,
    };
  });
}

/** Every way in which one of a person's data could stand in bytes: plain, digits alone, base64, hex, UTF-16, escaped. */
export function tracesOf(person: Person): readonly { readonly what: string; readonly bytes: Buffer }[] {
  const { tckn, phone, phoneNumber, name, email, phrase } = person;
  const plain = {
    tckn,
    phone,
    phoneNumber: phoneNumber.slice(1),
    local: phoneNumber.slice(3),
    name,
    email,
    phrase,
  };
  return Object.entries(plain).flatMap(([what, text]) => {
    const utf8 = Buffer.from(text);
    return [
      { what, bytes: utf8 },
      { what: `${what} as UTF-16`, bytes: Buffer.from(text, 'utf16le') },
      { what: `${what} as hex`, bytes: Buffer.from(utf8.toString('hex')) },
      // Whatever stands before it, two of the three alignments of base64 leave this middle part.
      ...[0, 1, 2].map((shift) => ({
        what: `${what} as base64`,
        bytes: Buffer.from(
          Buffer.concat([Buffer.alloc(shift, 32), utf8])
            .toString('base64')
            .slice(shift === 0 ? 0 : 4, -4),
        ),
      })),
      { what: `${what} in an address`, bytes: Buffer.from(encodeURIComponent(text)) },
    ].filter(({ bytes }) => bytes.length >= 8);
  });
}

/** Which of the traces stand in the haystack; by sorted prefix, so that thousands cost one pass. */
export function findTraces(people: readonly Person[], haystack: Buffer): readonly string[] {
  const byPrefix = new Map<number, { what: string; bytes: Buffer }[]>();
  for (const trace of people.flatMap(tracesOf)) {
    const prefix = trace.bytes.readUInt32BE(0);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), trace]);
  }
  const found = new Set<string>();
  for (let at = 0; at + 4 <= haystack.length; at += 1) {
    const traces = byPrefix.get(haystack.readUInt32BE(at));
    if (traces === undefined) continue;
    for (const { what, bytes } of traces) {
      if (haystack.subarray(at, at + bytes.length).equals(bytes))
        found.add(`${what}: ${bytes.toString('latin1')}`);
    }
  }
  return [...found];
}
