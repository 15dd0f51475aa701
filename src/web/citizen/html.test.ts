import { describe, expect, it } from 'vitest';
import { attribute, type Content, html, lines } from './html.ts';
import { markdown } from './markdown.ts';

describe('html', () => {
  it.each<[name: string, value: Content, printed: string]>([
    ['a script', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['a way out of an attribute', '" onfocus="alert(1)', '&quot; onfocus=&quot;alert(1)'],
    ['a way out of a single-quoted attribute', "' onfocus='x", '&#39; onfocus=&#39;x'],
    ['a backtick', '`x`', '&#96;x&#96;'],
    ['an entity, once', '&lt;', '&amp;lt;'],
    ['an escaped piece, once', html`${'<'}`, '&lt;'],
    ['a list', ['<', html`<b>x</b>`, 3], '&lt;<b>x</b>3'],
    ['text with lines', lines('<a>\nb'), '&lt;a&gt;<br>b'],
    ['nothing for false', false, ''],
    ['nothing for undefined', undefined, ''],
    ['zero as a digit', 0, '0'],
  ])('prints %s as text, never as markup', (_name, value, printed) => {
    expect(html`[${value}]`.toString()).toBe(`[${printed}]`);
  });

  it.each([
    ['a value', '"><script>', ' name="&quot;&gt;&lt;script&gt;"'],
    ['a bare attribute', true, ' name'],
    ['nothing', undefined, ''],
    ['nothing', false, ''],
    ['an empty value', '', ' name=""'],
  ])('prints an attribute with %s', (_name, value, printed) => {
    expect(attribute('name', value).toString()).toBe(printed);
  });

  it('prints an object that only looks like finished HTML as nothing but text', () => {
    const disguised = JSON.parse('{"text":"<script>"}');
    expect(() => html`${disguised}`).toThrow();
  });
});

describe('markdown', () => {
  it.each([
    ['# Başlık', '<h1>Başlık</h1>\n'],
    ['bir\niki\n\nüç', '<p>bir iki</p>\n<p>üç</p>\n'],
    ['- bir\n- iki\n  devamı', '<ul><li>bir</li><li>iki devamı</li></ul>\n'],
    ['en geç **30 gün**', '<p>en geç <strong>30 gün</strong></p>\n'],
    [
      '[form](/) ve [Kurul](https://kvkk.example)',
      '<p><a href="/">form</a> ve <a href="https://kvkk.example">Kurul</a></p>\n',
    ],
    ['<script>alert(1)</script>', '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n'],
    ['[x](javascript:alert(1))', '<p>[x](javascript:alert(1))</p>\n'],
    ['[x](//evil.example)', '<p>[x](//evil.example)</p>\n'],
    ['[x](https://a"onclick="b)', '<p><a href="https://a&quot;onclick=&quot;b">x</a></p>\n'],
  ])('writes %j', (source, written) => {
    expect(markdown(source).toString()).toBe(written);
  });
});
