import { ConfigError } from '@kapi/contract';
import { z } from 'zod';

/** The KVKK notice shown to citizens; its version is kept in each record it was shown for. */
export interface PrivacyNotice {
  readonly version: string;
  /** Markdown without its front matter; `{institution}` stands for the institution's name. */
  readonly tr: string;
  readonly en: string;
}

const version = z.string().regex(/^[A-Za-z0-9.-]{1,40}$/);
const frontMatter = /^---\r?\nversion: *(\S+) *\r?\n---\r?\n/;

/**
 * Reads the two language files of `config/notices/`. Each begins with a front matter naming its version;
 * both must name the same, because a citizen is told one thing in two languages.
 * @throws ConfigError `config_invalid`
 */
export function readNotice(files: { readonly tr: string; readonly en: string }): PrivacyNotice {
  const tr = split('kvkk.tr.md', files.tr);
  const en = split('kvkk.en.md', files.en);
  if (tr.version !== en.version) {
    throw new ConfigError(
      'config_invalid',
      `notices/kvkk.en.md: version must be that of kvkk.tr.md, expected ${tr.version}, found ${en.version}`,
    );
  }
  return { version: tr.version, tr: tr.text, en: en.text };
}

function split(name: string, source: string): { version: string; text: string } {
  const match = frontMatter.exec(source);
  const parsed = version.safeParse(match?.[1]);
  if (!match || !parsed.success) {
    throw new ConfigError(
      'config_invalid',
      `notices/${name}: expected to begin with "---", "version: <letters, digits, dot, dash>", "---"`,
    );
  }
  return { version: parsed.data, text: source.slice(match[0].length) };
}
