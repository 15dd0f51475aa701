import { type Content, Html, html } from './html.ts';

/**
 * The little Markdown that notices are written in: `#`, `##`, `###`, paragraphs, `- ` lists, `**strong**`
 * and `[text](address)`. Everything else is text. Links lead to https, mailto, tel or this site only.
 */
export function markdown(source: string): Html {
  const blocks = source
    .replaceAll('\r\n', '\n')
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '');
  return html`${blocks.map(toBlock)}`;
}

function toBlock(block: string): Html {
  const heading = /^(#{1,3}) (.+)$/.exec(block);
  if (heading) {
    const tag = `h${heading[1]?.length ?? 1}`;
    return html`${new Html(`<${tag}>`)}${inline(heading[2] ?? '')}${new Html(`</${tag}>`)}\n`;
  }
  const rows = block.split('\n');
  if (rows.every((row) => /^(- |\s{2,})/.test(row))) {
    const items = block.split(/\n(?=- )/).map((item) => item.replace(/^- /, '').replace(/\n\s*/g, ' '));
    return html`<ul>${items.map((item) => html`<li>${inline(item)}</li>`)}</ul>\n`;
  }
  return html`<p>${inline(rows.join(' '))}</p>\n`;
}

const safeAddress = /^(https:\/\/|mailto:|tel:|\/(?!\/))/;

function inline(text: string): readonly Content[] {
  return text.split(/(\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).map((piece) => {
    const strong = /^\*\*([^*]+)\*\*$/.exec(piece);
    if (strong) return html`<strong>${strong[1] ?? ''}</strong>`;
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(piece);
    const address = link?.[2];
    if (link && address && safeAddress.test(address)) return html`<a href="${address}">${link[1] ?? ''}</a>`;
    return piece;
  });
}
