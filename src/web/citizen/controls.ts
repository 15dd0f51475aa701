import { attribute, type Content, type Html, html } from './html.ts';

/** Form controls with their label, hint and error tied together for those who cannot see them. */

export interface ControlFrame {
  /** Also the `name`. */
  readonly id: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  /** Printed after the label, e.g. «isteğe bağlı». */
  readonly note?: string | undefined;
}

/** Attributes every control carries: id, name, what describes it, whether it is wrong. */
function identity({ id, hint, error }: ControlFrame): Html {
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return html` id="${id}" name="${id}"${attribute('aria-describedby', described || undefined)}${attribute(
    'aria-invalid',
    error === undefined ? undefined : 'true',
  )}`;
}

export const hintOf = (id: string, hint: string | undefined): Content =>
  hint !== undefined && html`<p class="hint" id="${id}-hint">${hint}</p>`;
export const errorOf = (id: string, error: string | undefined): Content =>
  error !== undefined && html`<p class="error" id="${id}-error">${error}</p>`;

export function field(frame: ControlFrame, control: Html): Html {
  return html`<div class="field${frame.error === undefined ? '' : ' wrong'}">
<label for="${frame.id}">${frame.label}${frame.note !== undefined && html` <span class="note">(${frame.note})</span>`}</label>
${hintOf(frame.id, frame.hint)}${errorOf(frame.id, frame.error)}${control}
</div>`;
}

export interface InputDetails {
  readonly value: string;
  readonly type?: 'text' | 'tel' | 'email';
  readonly autocomplete?: string;
  readonly inputmode?: 'numeric' | 'tel' | 'email';
  readonly className?: string;
  readonly list?: string;
}

/** `type="email"` is left out on purpose: browsers then refuse what we would have understood. */
export const input = (frame: ControlFrame, details: InputDetails): Html =>
  field(
    frame,
    html`<input type="${details.type ?? 'text'}"${identity(frame)}${attribute('value', details.value)}${attribute(
      'autocomplete',
      details.autocomplete,
    )}${attribute('inputmode', details.inputmode)}${attribute('class', details.className)}>`,
  );

export const textArea = (frame: ControlFrame, value: string, rows: number): Html =>
  // The first line break after the tag belongs to HTML, not to the text.
  field(frame, html`<textarea${identity(frame)} rows="${rows}">\n${value}</textarea>`);

export const select = (
  frame: ControlFrame,
  value: string,
  options: readonly (readonly [value: string, label: string])[],
): Html =>
  field(
    frame,
    html`<select${identity(frame)}>${options.map(
      ([option, label]) =>
        html`<option value="${option}"${attribute('selected', option === value)}>${label}</option>`,
    )}</select>`,
  );

export const files = (frame: ControlFrame, accept: string, details: Readonly<Record<string, string>>): Html =>
  field(
    frame,
    html`<input type="file" multiple accept="${accept}"${identity(frame)}${Object.entries(details).map(
      ([name, value]) => attribute(name, value),
    )}>`,
  );

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly hint: string;
}

/** A group of radio buttons under one question. */
export const choices = (id: string, question: string, value: string, all: readonly Choice[]): Html =>
  html`<fieldset class="choices">
<legend>${question}</legend>
${all.map(
  (choice) => html`<div class="choice">
<input type="radio" name="${id}" id="${id}-${choice.value}" value="${choice.value}" aria-describedby="${id}-${choice.value}-hint"${attribute('checked', choice.value === value)}>
<label for="${id}-${choice.value}">${choice.label}</label>
<p class="hint" id="${id}-${choice.value}-hint">${choice.hint}</p>
</div>`,
)}
</fieldset>`;

export interface Mistake {
  /** Id of the field to go to, none where the whole form is meant. */
  readonly field: string | undefined;
  readonly message: string;
}

/** The list of what is wrong, first thing on the page, each line a link to its field. */
export const mistakeList = (heading: string, mistakes: readonly Mistake[]): Content =>
  mistakes.length > 0 &&
  html`<div class="mistakes" role="alert" tabindex="-1" data-focus>
<h2>${heading}</h2>
<ul>
${mistakes.map((mistake) =>
  mistake.field === undefined
    ? html`<li>${mistake.message}</li>`
    : html`<li><a href="#${mistake.field}">${mistake.message}</a></li>`,
)}
</ul>
</div>`;
