import { type Html, html } from './html.ts';
import { markdown } from './markdown.ts';
import type { PrivacyNotice } from './notice.ts';
import { type Frame, page } from './page.ts';
import { pathOf, textsOf } from './texts.ts';

/** The KVKK notice of the language, with its version. */
export function noticePage(frame: Frame, notice: PrivacyNotice): Html {
  const texts = textsOf[frame.language];
  const source = notice[frame.language].replaceAll('{institution}', frame.institution.name);
  const body = html`<article class="document">${markdown(source)}</article>
<p class="hint">${texts.privacyNotice}, ${texts.form.noticeVersion} ${notice.version}</p>`;
  return page(frame, { title: texts.privacyNotice, path: '/kvkk', body });
}

export function accessibilityPage(frame: Frame): Html {
  const words = textsOf[frame.language].accessible;
  const paragraphs = words.paragraphs(frame.institution.name);
  const body = html`<article class="document"><h1>${words.title}</h1>
${paragraphs.map((text) => html`<p>${text}</p>`)}</article>`;
  return page(frame, { title: words.title, path: '/erisilebilirlik', body });
}

const pageOfStatus = {
  400: 'badRequest',
  404: 'notFound',
  413: 'tooLarge',
  429: 'tooMany',
  500: 'internal',
  503: 'unavailable',
} as const;
export type ErrorStatus = keyof typeof pageOfStatus;

/** The nearest page we have for an HTTP status. */
export function toErrorStatus(status: number): ErrorStatus {
  if (status === 404 || status === 413 || status === 429 || status === 503) return status;
  return status >= 500 ? 500 : 400;
}

export function errorPage(frame: Frame, status: ErrorStatus): Html {
  const texts = textsOf[frame.language];
  const said = texts.errors[pageOfStatus[status]];
  const body = html`<h1>${said.title}</h1>
<p class="lead">${said.text}</p>
<p><a class="button primary" href="${pathOf(frame.language, '/')}">${texts.errors.home}</a></p>`;
  return page(frame, { title: said.title, path: '/', body });
}
