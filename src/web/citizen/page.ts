import type { Assets } from './assets.ts';
import { attribute, type Content, type Html, html } from './html.ts';
import { type Language, pathOf, textsOf } from './texts.ts';

/** What every page knows of the house it stands in. */
export interface Institution {
  readonly name: string;
  /** Prefix of record numbers, `SOK`. */
  readonly prefix: string;
  readonly province?: string;
  /** Offered in the form's district list. */
  readonly districts: readonly string[];
}

export interface Frame {
  readonly language: Language;
  readonly institution: Institution;
  readonly assets: Assets;
}

interface PageContent {
  readonly title: string;
  /** Puts «Hata:» before the title, so that a screen reader says it first. */
  readonly failed?: boolean;
  /** Path of this page without language prefix; marks where the citizen is. */
  readonly path: string;
  /** Path of the same page in the other language, or false where leaving this page would lose what it shows. */
  readonly translated?: string | false;
  readonly body: Content;
}

const brand = html`<svg class="brand-mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false"><path d="M10 26V8a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v18M6 26h20" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"/><circle cx="18.4" cy="16.6" r="1.6" fill="currentColor"/></svg>`;

/** A whole document: the one frame around every citizen page. */
export function page(frame: Frame, content: PageContent): Html {
  const { language, institution, assets } = frame;
  const texts = textsOf[language];
  const other: Language = language === 'tr' ? 'en' : 'tr';
  const translated = content.translated ?? content.path;
  const link = (path: string, text: string): Html =>
    html`<a href="${pathOf(language, path)}"${attribute('aria-current', path === content.path && 'page')}>${text}</a>`;
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no">
<title>${content.failed && texts.errorTitle}${content.title} – ${institution.name}</title>
<link rel="icon" href="${assets.icon.url}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style.url}">
<script src="${assets.script.url}" defer></script>
</head>
<body>
<a class="skip" href="#icerik">${texts.skip}</a>
<header>
<p class="emergency"><span>${texts.emergencyBefore}</span><a href="tel:112">${texts.emergencyCall}</a></p>
<div class="top">
<p class="brand">${brand}<span>${institution.name}</span></p>
<nav class="links" aria-label="${texts.siteNavigation}">
${link('/', texts.newApplication)}
${link('/takip', texts.trackApplication)}
${translated !== false && html`<a href="${pathOf(other, translated)}" hreflang="${other}" lang="${other}">${texts.otherLanguage}</a>`}
</nav>
</div>
</header>
<main id="icerik" tabindex="-1">
${content.body}
</main>
<footer>
<nav class="links foot" aria-label="${texts.footerNavigation}">
${link('/kvkk', texts.privacyNotice)}
${link('/erisilebilirlik', texts.accessibility)}
</nav>
</footer>
</body>
</html>
`;
}
