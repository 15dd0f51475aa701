/** HTML by tagged templates: every value is escaped unless it is itself `Html`. */

/** A finished piece of HTML. Made by `html` and `raw` alone, so a plain string can never pass for one. */
export class Html {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: nothing is printed for `false` and `undefined`. */
export type Content = string | number | false | undefined | Html | readonly Content[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Safe as text and inside a quoted attribute. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"'`]/g, (character) => entities[character] ?? '');

function print(content: Content): string {
  if (content instanceof Html) return content.toString();
  if (content === false || content === undefined) return '';
  if (typeof content === 'string') return escapeHtml(content);
  if (typeof content === 'number') return String(content);
  return content.map(print).join('');
}

/** Attribute values must be quoted in the template. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) text += print(value) + (strings[index + 1] ?? '');
  return new Html(text);
}

/** ` name="value"`, or nothing where the value is undefined; a bare ` name` for true. */
export function attribute(name: string, value: string | boolean | undefined): Html {
  if (value === undefined || value === false) return html``;
  return new Html(value === true ? ` ${name}` : ` ${name}="${escapeHtml(value)}"`);
}

/** Text with its line breaks kept. */
export const lines = (text: string): Content =>
  text.split('\n').map((line, index) => (index === 0 ? line : html`<br>${line}`));
