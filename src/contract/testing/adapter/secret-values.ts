import { fieldsOf, textsIn } from './config.ts';
import type { RawConfig } from './rows.ts';
import type { Subject } from './subject.ts';

/** Values of the secret fields in a raw configuration. */
export function secretsOf(subject: Subject, config: RawConfig = subject.rows.config): readonly string[] {
  return fieldsOf(subject.adapter.config, config)
    .filter((field) => field.secret)
    .flatMap((field) => textsIn(field.value))
    .filter((secret) => secret.length >= 6);
}

/** The ways a secret shows: as it is, escaped, in hexadecimal, or inside a longer base64 text at any offset. */
function disguises(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const base64 = [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url');
    const from = offset === 0 ? 0 : offset + 1;
    const whole = encoded.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
    return [whole, whole.replaceAll('-', '+').replaceAll('_', '/')];
  });
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('hex'),
    ...base64,
  ];
}

/** Whether a text shows one of the secrets. */
export const leaks = (text: string, secrets: readonly string[]): boolean =>
  secrets.some((secret) => disguises(secret).some((disguise) => text.includes(disguise)));
