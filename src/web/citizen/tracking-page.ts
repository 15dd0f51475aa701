import type { EventName } from '@kapi/contract';
import { formatNumber, isNumber, statuses } from '@kapi/contract';
import type { Tracking } from '../../intake/gateway.ts';
import { input, type Mistake, mistakeList } from './controls.ts';
import { type Content, type Html, html, lines } from './html.ts';
import { type Frame, page } from './page.ts';
import { momentText, pathOf, textsOf } from './texts.ts';

/**
 * A record number however a citizen copies it: any case, spaces or nothing for hyphens, Turkish letters,
 * the prefix left out. Undefined where its check digit fails, which says nothing about any record.
 */
export function readNumber(typed: string, prefix: string): string | undefined {
  const compact = typed
    .normalize('NFD')
    .replace(/ı/g, 'i')
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '');
  const match = /^([A-Z]{2,8})?(\d{2})(\d{7,12})(\d)$/.exec(compact);
  if (!match) return undefined;
  const number = `${match[1] ?? prefix}-${match[2]}-${match[3]}-${match[4]}`;
  return isNumber(number) ? number : undefined;
}

/** Six digits, spaces and dashes forgiven. */
export function readPin(typed: string): string | undefined {
  const digits = typed.replace(/[\s\-–.]/g, '');
  return /^\d{6}$/.test(digits) ? digits : undefined;
}

export interface TrackingForm {
  readonly number: string;
  readonly badNumber?: boolean;
  readonly badPin?: boolean;
  readonly failure?: 'wrong' | 'locked';
}

export function trackingFormPage(frame: Frame, state: TrackingForm): Html {
  const words = textsOf[frame.language].tracking;
  const mistakes: Mistake[] = [];
  if (state.badNumber) mistakes.push({ field: 'number', message: words.badNumber });
  if (state.badPin) mistakes.push({ field: 'pin', message: words.badPin });
  if (state.failure) mistakes.push({ field: undefined, message: words[state.failure] });
  const body = html`<h1>${words.title}</h1>
<p class="lead">${words.lead}</p>
${mistakeList(textsOf[frame.language].errorHeading, mistakes)}
<form method="post" action="${pathOf(frame.language, '/takip')}" novalidate>
<section>
${input(
  {
    id: 'number',
    label: words.number,
    hint: words.numberHint(formatNumber(frame.institution.prefix, 2026, 1234)),
    error: state.badNumber ? words.badNumber : undefined,
  },
  { value: state.number, autocomplete: 'off', className: 'code' },
)}
${input(
  {
    id: 'pin',
    label: words.pin,
    hint: words.pinHint,
    error: state.badPin ? words.badPin : undefined,
  },
  { value: '', autocomplete: 'off', inputmode: 'numeric', className: 'code short' },
)}
</section>
<p><button type="submit" class="primary">${words.show}</button></p>
</form>`;
  return page(frame, { title: words.title, path: '/takip', failed: mistakes.length > 0, body });
}

const isStatus = (text: string): text is (typeof statuses)[number] =>
  (statuses as readonly string[]).includes(text);
/** The promise counts down only while nobody has answered yet. */
const settled = new Set(['answered', 'closed', 'cancelled', 'duplicate']);

/** Status, promise and history. Holds nothing that says who the citizen is. `path` is the page's own. */
export function trackingPage(frame: Frame, tracking: Tracking, path = '/takip'): Html {
  const { language } = frame;
  const words = textsOf[language].tracking;
  const moment = (instant: string): Html =>
    html`<time datetime="${instant}">${momentText(language, instant)}</time>`;
  const status: Content =
    language === 'en' && isStatus(tracking.status)
      ? words.statuses[tracking.status]
      : turkish(frame, tracking.statusLabel);
  const due = settled.has(tracking.status) ? undefined : tracking.promiseDueAt;
  const body = html`<h1>${words.statusOf}</h1>
<dl class="facts">
<div><dt>${words.number}</dt><dd class="code">${tracking.number}</dd></div>
<div><dt>${words.status}</dt><dd><span class="status">${status}</span></dd></div>
<div><dt>${words.received}</dt><dd>${moment(tracking.receivedAt)}</dd></div>
${due !== undefined && html`<div><dt>${words.promise}</dt><dd>${moment(due)}</dd></div>`}
${tracking.unit !== undefined && html`<div><dt>${words.unit}</dt><dd>${turkish(frame, tracking.unit)}</dd></div>`}
</dl>
<h2>${words.history}</h2>
${
  tracking.history.length === 0
    ? html`<p>${words.nothingYet}</p>`
    : html`<ol class="history">${tracking.history.map(
        (step) => html`<li>
<p class="step"><strong>${labelOf(frame, step)}</strong> <span class="when">${moment(step.at)}</span></p>
${step.text !== undefined && step.text !== '' && html`<p class="said"${language === 'en' && html` lang="tr"`}>${lines(step.text)}</p>`}
</li>`,
      )}</ol>`
}
<p class="hint">${words.refresh}</p>
<p class="actions screen"><button type="button" class="secondary" data-print hidden>${textsOf[language].print}</button></p>`;
  return page(frame, { title: words.statusOf, path: '/takip', translated: path, body });
}

function labelOf(frame: Frame, step: { readonly event?: EventName; readonly label: string }): Content {
  const known = step.event && textsOf[frame.language].tracking.events[step.event];
  return known ?? turkish(frame, step.label);
}

/** Words the house has in Turkish only, marked so that a screen reader reads them in Turkish. */
const turkish = (frame: Frame, text: string): Content =>
  frame.language === 'tr' ? text : html`<span lang="tr">${text}</span>`;
