import { choices, files, input, type Mistake, mistakeList, select, textArea } from './controls.ts';
import { type FieldName, type FormValues, isAnonymity, offeredReplies, offeredTypes } from './form-values.ts';
import { attribute, type Html, html } from './html.ts';
import { type Frame, page } from './page.ts';
import type { Problem } from './submission.ts';
import { pathOf, type Texts, textsOf } from './texts.ts';

/** Sizes of what a citizen may send. */
export interface CitizenLimits {
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  readonly maxTextCharacters: number;
}

export const filesField = 'files';
const accepted = 'image/*,video/*,audio/*,application/pdf';

/** A problem as the citizen reads it, at the field it belongs to. */
export function toMistake(problem: Problem, texts: Texts): Mistake {
  const said = texts.form.problems;
  switch (problem.kind) {
    case 'empty':
      return { field: 'text', message: said.empty };
    case 'trap':
      return { field: undefined, message: said.trap };
    case 'too_long':
      return { field: problem.field, message: said.tooLong(problem.limit) };
    case 'file_too_large':
      return { field: filesField, message: said.fileTooLarge(problem.name) };
    case 'file_refused':
      return { field: filesField, message: said.fileRefused(problem.name) };
    case 'too_many_files':
      return { field: filesField, message: said.tooManyFiles };
    case 'token_forged':
      return { field: undefined, message: said.tokenForged };
    case 'token_early':
      return { field: undefined, message: said.tokenEarly };
    case 'token_expired':
      return { field: undefined, message: said.tokenExpired };
    case 'changed_after_sent':
      return { field: undefined, message: said.changedAfterSent };
    case 'refused':
      return {
        field: problem.field,
        message: problem.field === undefined ? said.refusedSomewhere : said.refused,
      };
    case 'unavailable':
      return { field: undefined, message: said.unavailable };
  }
}

export interface FormState {
  readonly token: string;
  readonly values: FormValues;
  readonly problems: readonly Problem[];
  /** Files had been chosen, and a browser never keeps those. */
  readonly filesLost: boolean;
}

export function formPage(frame: Frame, state: FormState, limits: CitizenLimits, noticeVersion: string): Html {
  const { language, institution } = frame;
  const texts = textsOf[language];
  const words = texts.form;
  const { values } = state;
  const mistakes = state.problems.map((problem) => toMistake(problem, texts));
  const errorAt = (id: string): string | undefined =>
    mistakes
      .filter((mistake) => mistake.field === id)
      .map((mistake) => mistake.message)
      .join(' ') || undefined;
  const at = (id: FieldName, label: string, hint?: string) => ({
    id,
    label,
    hint,
    error: errorAt(id),
  });
  const megabytes = Math.floor(limits.maxFileBytes / 1024 ** 2);
  const body = html`<h1>${words.title}</h1>
<p class="lead">${words.lead} <strong>${words.promise}</strong></p>
${mistakeList(texts.errorHeading, mistakes)}
<form method="post" action="${pathOf(language, '/')}" enctype="multipart/form-data" novalidate data-form data-sending="${words.sending}">
<input type="hidden" name="token" value="${state.token}">
<div class="trap" aria-hidden="true"><label for="website">${words.trap}</label><input type="text" id="website" name="website" tabindex="-1" autocomplete="off"></div>
<p class="quiet">${words.onlyMatter}</p>
<section aria-labelledby="konu"><h2 id="konu">${words.matter}</h2>
${textArea(at('text', words.text, words.textHint), values.text, 7)}
${select(at('applicationType', words.type), values.applicationType, [
  ['', words.typeUnsure],
  ...offeredTypes.map((type) => [type, words.types[type]] as const),
])}
</section>
<section aria-labelledby="yer"><h2 id="yer">${words.place}</h2>
<p class="quiet">${words.placeHint}</p>
<div class="pair">
${
  institution.districts.length > 0
    ? select(at('district', words.district), values.district, [
        ['', words.districtNone],
        ...institution.districts.map((district) => [district, district] as const),
      ])
    : input(at('district', words.district), { value: values.district })
}
${input(at('neighbourhood', words.neighbourhood), { value: values.neighbourhood })}
</div>
<div class="pair wide-first">
${input(at('street', words.street), { value: values.street })}
${input(at('doorNo', words.doorNo), { value: values.doorNo })}
</div>
${textArea(at('placeText', words.placeText, words.placeTextHint), values.placeText, 2)}
<div class="locate" data-locate data-locating="${words.locating}" data-located="${words.located}" data-failed="${words.locateFailed}" hidden>
<button type="button" class="secondary" data-locate-add>${words.locate}</button>
<button type="button" class="secondary" data-locate-remove hidden>${words.unlocate}</button>
<p role="status" data-locate-status></p>
</div>
<input type="hidden" name="lat" value="${values.lat}"><input type="hidden" name="lon" value="${values.lon}"><input type="hidden" name="accuracyM" value="${values.accuracyM}">
</section>
<section aria-labelledby="siz"><h2 id="siz">${words.identity}</h2>
${choices('anonymity', words.anonymity, isAnonymity(values.anonymity) ? values.anonymity : 'open', [
  { value: 'open', label: words.open, hint: words.openHint },
  { value: 'confidential', label: words.confidential, hint: words.confidentialHint },
  { value: 'anonymous', label: words.anonymous, hint: words.anonymousHint },
])}
<div class="who">
${input(at('name', words.name), { value: values.name, autocomplete: 'name' })}
<div class="pair">
${input(at('phone', words.phone, words.phoneHint), { value: values.phone, type: 'tel', autocomplete: 'tel' })}
${input(at('email', words.email, words.emailHint), { value: values.email, autocomplete: 'email', inputmode: 'email' })}
</div>
${select(at('preferredReply', words.reply, words.replyHint), values.preferredReply, [
  ['', words.replyAny],
  ...offeredReplies.map((reply) => [reply, words.replies[reply]] as const),
])}
${input({ ...at('tckn', words.tckn, words.tcknHint), note: texts.optional }, { value: values.tckn, autocomplete: 'off', inputmode: 'numeric', className: 'short' })}
</div>
</section>
<section aria-labelledby="dosya"><h2 id="dosya">${words.attachments}</h2>
${state.filesLost && html`<p class="warning" id="files-lost">${words.filesAgain}</p>`}
${files(
  {
    id: filesField,
    label: words.files,
    hint: words.filesHint(limits.maxFiles, megabytes),
    error: errorAt(filesField),
    note: texts.optional,
  },
  accepted,
  {
    'data-max-files': String(limits.maxFiles),
    'data-max-bytes': String(limits.maxFileBytes),
    'data-too-many': words.problems.tooManyFiles,
    'data-too-large': words.problems.fileTooLarge('{name}'),
  },
)}
<p class="error" role="alert" data-files-problem hidden></p>
</section>
<p class="quiet">${words.privacy}<a href="${pathOf(language, '/kvkk')}">${texts.privacyNotice}</a> (${words.noticeVersion} ${noticeVersion})</p>
<p><button type="submit" class="primary"${attribute('data-submit', true)}>${words.send}</button></p>
</form>`;
  const failed = mistakes.length > 0;
  return page(frame, { title: words.title, path: '/', translated: failed ? false : '/', failed, body });
}
