import type { MessageReceipt } from '@kapi/contract';
import type { FormValues } from './form-values.ts';
import { type Html, html } from './html.ts';
import { type Frame, page } from './page.ts';
import { momentText, pathOf, type Texts, textsOf } from './texts.ts';

/** Why the answer may have to be fetched rather than sent, or undefined where it will find its way. */
function remark(values: FormValues, receipt: MessageReceipt, words: Texts['answer']): string | undefined {
  if (values.anonymity !== 'open' || values.applicationType === 'tipoff') return words.silent;
  const given = (['phone', 'email'] as const).filter((field) => values[field].trim() !== '');
  const odd = given.filter((field) =>
    receipt.warnings?.some(({ pointer }) => pointer === `/citizen/${field}`),
  );
  if (given.length === 0) return words.noAddress;
  if (odd.length < given.length) return undefined;
  return odd[0] === 'phone' ? words.oddPhone : words.oddEmail;
}

/** The page to keep: number, PIN, the promise with its time, the link. */
export function answerPage(
  frame: Frame,
  receipt: MessageReceipt,
  values: FormValues,
  promiseDueAt: string | undefined,
  publicUrl: string,
): Html {
  const { language } = frame;
  const words = textsOf[language].answer;
  const trackingPath =
    receipt.trackingToken === undefined
      ? `${pathOf(language, '/takip')}?no=${encodeURIComponent(receipt.number)}`
      : pathOf(language, `/takip/${receipt.trackingToken}`);
  const link = `${publicUrl.replace(/\/+$/, '')}${trackingPath}`;
  const said = remark(values, receipt, words);
  const body = html`<div class="done" role="status" tabindex="-1" data-focus>
<h1>${words.title}</h1>
${receipt.duplicate && html`<p>${words.again}</p>`}
</div>
<dl class="keep">
<div><dt>${words.number}</dt><dd class="code">${receipt.number}</dd></div>
${receipt.trackingPin !== undefined && html`<div><dt>${words.pin}</dt><dd class="code">${receipt.trackingPin}</dd></div>`}
</dl>
<p>${words.keep}</p>
${
  promiseDueAt === undefined
    ? html`<p class="promise">${words.promise}</p>`
    : html`<p class="promise">${words.promiseUntil} <strong><time datetime="${promiseDueAt}">${momentText(language, promiseDueAt)}</time></strong></p>`
}
${said !== undefined && html`<p class="warning">${said}</p>`}
<h2>${words.link}</h2>
<p class="link"><a href="${trackingPath}">${link}</a></p>
${receipt.trackingToken !== undefined && html`<p class="hint">${words.linkHint}</p>`}
<p class="actions"><a class="button primary" href="${trackingPath}">${words.open}</a> <button type="button" class="secondary" data-print hidden>${textsOf[language].print}</button></p>
<p class="quiet screen"><a href="${pathOf(language, '/')}">${words.another}</a></p>`;
  return page(frame, { title: words.title, path: '/', translated: false, body });
}
