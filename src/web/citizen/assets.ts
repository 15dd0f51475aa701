import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A file the pages need, under an address that changes with its content. */
export interface Asset {
  readonly url: string;
  readonly mediaType: string;
  readonly content: Buffer;
}

export interface Assets {
  readonly style: Asset;
  readonly script: Asset;
  readonly icon: Asset;
}

function load(name: string, extension: string, mediaType: string): Asset {
  const content = readFileSync(new URL(`./assets/${name}.${extension}`, import.meta.url));
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { url: `/assets/${name}.${hash}.${extension}`, mediaType, content };
}

/** Read once, when the pages are mounted. */
export const loadAssets = (): Assets => ({
  style: load('citizen', 'css', 'text/css; charset=utf-8'),
  script: load('citizen', 'js', 'text/javascript; charset=utf-8'),
  icon: load('icon', 'svg', 'image/svg+xml'),
});
