import { en } from './texts.en.ts';
import { tr } from './texts.tr.ts';

export const languages = ['tr', 'en'] as const;
export type Language = (typeof languages)[number];

/** Every sentence of the citizen pages; the Turkish table decides the shape. */
export type Texts = typeof tr;

export const textsOf: Readonly<Record<Language, Texts>> = { tr, en };

/** Address of a page in a language: Turkish stands at the root, English under `/en`. */
export const pathOf = (language: Language, path: string): string =>
  language === 'tr' ? path : path === '/' ? '/en' : `/en${path}`;

/** Language an address belongs to. */
export const languageOf = (url: string): Language => (/^\/en(?:[/?#]|$)/.test(url) ? 'en' : 'tr');

const moments: Readonly<Record<Language, Intl.DateTimeFormat>> = {
  tr: momentFormat('tr-TR'),
  en: momentFormat('en-GB'),
};

function momentFormat(locale: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, {
    timeZone: 'Europe/Istanbul',
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  });
}

/** `24 Kasım 2026 Salı 09:14`, in the institution's civil time. */
export const momentText = (language: Language, instant: string): string =>
  moments[language].format(new Date(instant));
