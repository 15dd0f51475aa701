import { describe, expect, it } from 'vitest';
import { createLexicon } from './lexicon.ts';

const lexicon = createLexicon({
  emergency: ['yangın', 'gaz kokusu', 'tel kop', 'göçük', 'حريق'],
  greetings: ['merhaba', 'selam', 'iyi günler', 'günaydın'],
  applause: ['teşekkürler', 'teşekkür ederim', 'sağolun', 'elinize sağlık'],
  spam: ['bahis sitesi', 'hemen kazan'],
});

describe('an emergency is heard', () => {
  it.each([
    ['Apartmanda YANGIN var', 'yangın'],
    ['apartmanda yangin cikti', 'yangın'],
    ['sokakta çok kuvvetli gaz kokusu var', 'gaz kokusu'],
    ['GAZ KOKUSUNDAN duramıyoruz', 'gaz kokusu'],
    ['elektrik teli koptu, tel koptu yerde', 'tel kop'],
    ['يوجد حريق في الشارع', 'حريق'],
    ['cok   gaz , kokusu geliyor', 'gaz kokusu'],
  ])('«%s» → %s', (text, word) => {
    expect(lexicon.emergency(text)?.word).toBe(word);
  });

  it.each(['çöp alınmadı', 'kokusu çok ama gaz değil', 'kayangın', ''])('not in «%s»', (text) => {
    expect(lexicon.emergency(text)).toBeUndefined();
  });

  it('points at the words in the original text', () => {
    const text = 'Acele edin, İNŞAATTA GÖÇÜK oldu';
    const span = lexicon.emergency(text)?.span ?? [0, 0];
    expect(text.slice(...span)).toBe('GÖÇÜK');
  });

  it('looks through a megabyte in linear time and does not throw', () => {
    expect(lexicon.emergency('a '.repeat(500_000))).toBeUndefined();
    expect(lexicon.emergency('1'.repeat(1_000_000))).toBeUndefined();
  });
});

describe('what is no case', () => {
  it.each([
    ['', 'empty'],
    ['   \n', 'empty'],
    ['Merhaba', 'greeting'],
    ['MERHABA, iyi günler', 'greeting'],
    ['teşekkürler 🙏', 'applause'],
    ['Elinize sağlık, teşekkür ederim', 'applause'],
    ['👏👏', 'applause'],
    ['En iyi bahis sitesi burada', 'spam'],
    ['merhaba su yok', undefined],
    ['teşekkürler, yine çöp alınmadı', undefined],
    ['?', 'applause'],
  ])('«%s» → %s', (text, reason) => {
    expect(lexicon.notACase(text)).toBe(reason);
  });
});
