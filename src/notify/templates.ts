import { z } from 'zod';
import type { Fits } from './ports.ts';

/**
 * Texts to the citizen, one file a language (`templates/tr.yaml`). A placeholder is `{number}`; what
 * stands in `[[…]]` is left out where a placeholder inside it has no value.
 */

export const placeholders = [
  'number',
  'pin',
  'link',
  'promiseHours',
  'institution',
  'text',
  'unit',
  'reason',
  'plannedDate',
  'status',
  'numbers',
] as const;
export type Placeholder = (typeof placeholders)[number];
export type Values = Readonly<Partial<Record<Placeholder, string>>>;

export const noticeLanguages = ['tr', 'en', 'ar'] as const;
export type NoticeLanguage = (typeof noticeLanguages)[number];

const base = ['number', 'pin', 'link', 'promiseHours', 'institution', 'status'] as const;
const said = [...base, 'text', 'unit', 'reason', 'plannedDate'] as const;
/** Nothing that says what the matter is. */
const neutral = ['number', 'link', 'promiseHours', 'institution', 'status'] as const;

const placeholderPattern = /\{([^{}]*)\}/g;

const text = (allowed: readonly string[]) =>
  z
    .string()
    .trim()
    .min(1)
    .superRefine((value, context) => {
      for (const [whole, name = ''] of value.matchAll(placeholderPattern)) {
        if (!allowed.includes(name)) {
          context.addIssue({
            code: 'custom',
            message: `unknown placeholder ${whole}; here may stand ${allowed.map((one) => `{${one}}`).join(' ')}`,
          });
        }
      }
      if (/[{}]/.test(value.replace(placeholderPattern, ''))) {
        context.addIssue({ code: 'custom', message: 'a brace without its pair' });
      }
      if (/\[\[|\]\]/.test(value.replace(/\[\[(?:(?!\[\[|\]\]).)*\]\]/gs, ''))) {
        context.addIssue({ code: 'custom', message: 'a [[ without its ]]' });
      }
    });

const mail = (allowed: readonly string[]) =>
  z.strictObject({ subject: text(allowed).describe('One line'), text: text(allowed) });
const pair = (allowed: readonly string[]) =>
  z.strictObject({ short: text(allowed).describe('SMS and chats'), email: mail(allowed) });

export const templatesSchema = z
  .strictObject({
    receipt: z
      .strictObject({
        short: text(base).describe('One part of a Turkish GSM-7 SMS (155 characters)'),
        ascii: text(base).describe('Sent by SMS where `short` does not fit into one part (160 characters)'),
        email: mail(base),
        digest: mail(['numbers', 'institution', 'promiseHours']).describe(
          'Sent once where one sender writes more than ten mails a day',
        ),
      })
      .describe('The message has become a record'),
    question: pair(said).describe('Something is asked of the citizen'),
    answer: pair(said).describe('The answer of a person'),
    status: z
      .strictObject({
        text: pair(said).describe('Any status change that comes with words for the citizen'),
        accepted: pair(said).optional(),
        forwarded: pair(said).optional(),
        in_progress: pair(said).optional(),
        closed: pair(said).optional(),
        cancelled: pair(said).optional(),
        reopened: pair(said).optional(),
        restored: pair(said).optional(),
      })
      .describe('Sent without words of a clerk only where a text for that status stands here'),
    survey: pair(base).describe('After the case is closed; never at night'),
    neutral: z
      .strictObject({
        receipt: text(neutral),
        question: text(neutral),
        answer: text(neutral),
        status: text(neutral),
        survey: text(neutral),
        subject: text(neutral).describe('Where the channel is e-mail'),
      })
      .describe('To foreign platforms, and to confidential and anonymous applicants'),
  })
  .describe('templates/<language>.yaml');
export type Templates = z.output<typeof templatesSchema>;
export type TemplateSet = Readonly<Record<NoticeLanguage, Templates>>;

/** Fills a template. A missing value outside `[[…]]` becomes nothing. */
export function render(template: string, values: Values): string {
  const given = new Map(Object.entries(values));
  const valueFor = (name: string): string => given.get(name) ?? '';
  return template
    .replace(/\[\[((?:(?!\[\[|\]\]).)*)\]\]/gs, (_, part: string) =>
      [...part.matchAll(placeholderPattern)].every(([, name = '']) => valueFor(name) !== '') ? part : '',
    )
    .replace(placeholderPattern, (_, name: string) => valueFor(name))
    .replace(/[ \t]{2,}/g, ' ')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** What an institution's own values make of the receipt; the longest number it will see in years. */
export interface ReceiptSample {
  readonly prefix: string;
  readonly institution: string;
  /** Address of the tracking page as it stands in an SMS. */
  readonly shortUrl: string;
  readonly fits: Fits;
}

/**
 * The schema of one language file for one institution: also refuses a receipt that would not fit into
 * one SMS even in its ASCII variant, which is what saves one that a long address made too long.
 */
export function templatesFor(sample: ReceiptSample): z.ZodType<Templates> {
  const values: Values = {
    number: `${sample.prefix}-26-9999999-9`,
    pin: '999999',
    link: `${sample.shortUrl}/${'w'.repeat(22)}`,
    promiseHours: '48',
    institution: sample.institution,
    status: 'Sırada',
  };
  return templatesSchema.superRefine(({ receipt }, context) => {
    const { parts } = sample.fits(render(receipt.ascii, values));
    if (parts === 1) return;
    context.addIssue({
      code: 'custom',
      path: ['receipt', 'ascii'],
      message: `takes ${parts} SMS parts with ${values.number} and ${sample.shortUrl}; must be one`,
    });
  });
}
