import { describe, expect, it } from 'vitest';
import { createLexicon } from './lexicon.ts';

const lexicon = createLexicon({
  emergency: [
    'yangın',
    'yangın alarmı çal',
    'gaz kokusu',
    'tel kop',
    'göçük',
    'ev yan',
    'köprü … çök',
    'حريق',
    '🆘',
  ],
  notEmergency: ['yangın merdiven', 'yangın alarm', 'tel koparan'],
  greetings: ['merhaba', 'selam', 'iyi günler', 'günaydın'],
  applause: ['teşekkürler', 'teşekkür ederim', 'sağolun', 'elinize sağlık', '👏', '🙏'],
  spam: ['bahis sitesi', 'hemen kazan'],
  matters: ['park', 'sokak'],
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
    ['yangıııın vaaar', 'yangın'],
    ['yangın merdiveni de yanıyor, evde yangın', 'yangın'],
    ['yangın alarmı çalıyor', 'yangın alarmı çal'],
    ['üst köprü az önce tümüyle çöktü', 'köprü … çök'],
    ['بالحريق', 'حريق'],
    ['🆘', '🆘'],
    ['evim degil, ev yaniyor', 'ev yan'],
  ])('«%s» → %s', (text, word) => {
    expect(lexicon.emergency(text)?.word).toBe(word);
  });

  it.each([
    'çöp alınmadı',
    'kokusu çok ama gaz değil',
    'kayangın',
    '',
    'yangın merdiveni kilitli',
    'yangın alarmı bozuk',
    'Tel Koparan Sokak çöp',
    'köprü altında çöp var, ışık yok, yol çöktü',
    'evlat yanımda',
  ])('not in «%s»', (text) => {
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
    ['🙏🏻', 'applause'],
    ['🆘', undefined],
    ['🚨', undefined],
    ['🔥🔥', undefined],
    ['👏 🚨', undefined],
    ['En iyi bahis sitesi burada', undefined],
    ['En iyi bahis sitesi, hemen kazan', 'spam'],
    ['En iyi bahis sitesi burada: https://kazan.example/x', 'spam'],
    ['bahis sitesi www.kazan.example', 'spam'],
    ['bahis sitesi, hemen kazan yazılı ilanlar parkta, kaldırın', undefined],
    ['bahis sitesi binasında yangın, hemen kazan yazısı yanıyor', undefined],
    ['merhaba su yok', undefined],
    ['teşekkürler, yine çöp alınmadı', undefined],
    ['?', 'empty'],
  ])('«%s» → %s', (text, reason) => {
    expect(lexicon.notACase(text)).toBe(reason);
  });
});
