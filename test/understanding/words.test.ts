import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { wordsSchema } from '../../src/config/lists.ts';
import { createLexicon } from '../../src/understanding/index.ts';

/** The shipped words, on sentences as citizens write them. */
const file = resolve(import.meta.dirname, '../../config/words.yaml');
const lexicon = createLexicon(wordsSchema.parse(parse(readFileSync(file, 'utf8'))));

const emergencies = [
  'Doğalgaz kokusu var',
  'dogalgaz kokusu var',
  'DOĞALGAZ KOKUSU VAR ACİL',
  'Apartmanda doğal gaz kokusu var',
  'doğalgaz kokuyo merdiven boşluğu',
  'Binamızda doğalgaz sızıntısı',
  'dogalgaz borusundan koku geliyor',
  'doğalgaz sayacından gaz kaçağı var',
  'Kepçe doğalgaz borusunu deldi, her yer gaz kokuyor',
  'komşunun tüpü gaz kaçırıyor',
  'Yangın! Acil gelin',
  'YANGIN',
  'yangin var',
  'yangn var çabuk',
  'Yangınnn vaaar',
  'Evde yangın',
  'evde yangin cikti',
  'yangın çıkıyor',
  'Yangın büyüyor, itfaiye gelmedi',
  'ormanda yangın başladı Uludağ yolu',
  'Apartman yanıyor',
  'apartman yaniyo',
  'evimiz yanıyor yardım edin',
  'çatı yanıyor',
  'Çöp konteyneri yanıyor, alevler arabaya sıçradı',
  'Casino binasında yangın var yaralı var',
  'Yangın alarmı çalıyor, duman var',
  'patlama oldu',
  'Fabrikada patlama oldu',
  'trafo patladı kıvılcım saçıyor',
  'imdat',
  'İMDAT!!!',
  'imdaaat boğuluyorum',
  'köprü çöktü',
  'Derenin üstündeki köprü az önce çöktü',
  'inşaat çöktü işçiler göçük altında',
  'bina çöktü enkaz altında insanlar var',
  'istinat duvarı yıkıldı, altında kalan var',
  'asansörde kaldık, içeride çocuk var',
  'kablo koptu',
  'elektrik kablosu koptu yerde',
  'yüksek gerilim teli koptu',
  'Park lambasından çocuğu elektrik çarptı',
  'biri boğuluyor',
  'Nilüfer çayında çocuk boğuluyor',
  'gölette boğulan var',
  'gölette boğulma tehlikesi geçiren çocuk var',
  'sele kapıldı bir araç',
  'Çocuk rögara düştü',
  'köpekler adama saldırıyor',
  'kavga var silah sesleri geliyor',
  'adam karısını bıçakladı',
  'intihar edecek, köprünün korkuluklarında',
  'kaza oldu ağır yaralı var ambulans gönderin',
  'annem nefes alamıyor',
  'babam kalp krizi geçiriyor',
  'duvarın altında kalan var',
  'eski eşim beni öldürecek',
  'kamyonun altında kaldı bir çocuk',
  'soba yandı duman doldu nefes alamıyorum',
  'metroda bomba ihbarı',
  '🆘',
  'There is a fire in our building',
  'strong smell of gas in the street',
  'a child is drowning in the pond',
  'the bridge collapsed',
  'يوجد حريق في البناية',
  'الحريق كبير',
  'رائحة الغاز قوية',
  'رائحه غاز في الشارع',
  'هناك انفجار',
  'طفل يغرق في البحيرة',
  'الناس تحت الانقاض',
  'البيت يحترق',
] as const;

const ordinary = [
  'Tel Koparan Sokak çöp',
  'Gölette boğulma tehlikesi tabelası istiyoruz',
  'Yangın merdiveni kilitli',
  'okulun yangın tüpleri boş',
  'sokağa yangın musluğu istiyoruz',
  'yangin hidranti bozuk',
  'Yangın alarmı bozuk',
  'Kuru otlar biçilmezse yangın çıkabilir',
  'otlar uzadı yangın tehlikesi var',
  'İşyerim için yangın raporu almak istiyorum',
  'geçen ay çıkan yangında evim zarar gördü, yardım istiyorum',
  'yangından sonra enkaz kaldırılmadı',
  'orman yangınları için önlem alınsın',
  'Yangın söndürüldü, teşekkürler',
  'Sokak lambası gündüz de yanıyor',
  'parkın ışıkları gündüz yanıyor',
  'egzoz gazı kokusu camdan giriyor',
  'lağım gazı kokuyor',
  'Doğalgaz aboneliği için nereye başvurulur',
  'doğalgaz kazısı yolu bozdu',
  'Otobüsler dolu, kokudan boğuluyoruz',
  'kamyonlar yüzünden tozdan boğuluyoruz',
  'internet kablosu koptu',
  'Telefon direği eğildi',
  'yolda göçük oluştu, araçlar takılıyor',
  'asfalttaki göçük yapılsın',
  'bodrum sular altında kaldı, vidanjör istiyoruz',
  'Ağaçlar ölüyor, sulayın',
  'sivrisinekler akşamları saldırıyor',
  'Köprü altındaki çöpler toplansın',
  'köprünün boyası döküldü',
  'Bıçaklar kör, kurban kesim yeri kötüydü',
  'kabloları kopyalayıp çaldılar',
  'bu kavşak birini öldürecek, ışık istiyoruz',
  'o yolda her yıl insanlar ölüyor',
  'kömür kokusundan gece nefes alamıyoruz',
  'bacalardan çıkan kömür dumanından boğuluyoruz',
  'arabam çukura düştü, amortisör kırıldı',
  'iki esnaf kavgaya tutuştu dün',
  'yola toprak kaydı, yol kapandı',
  'bodrum kattaki tavan çökük',
  'su borusu patladı, sokağa akıyor',
  'lastik patladı çukur yüzünden',
  'Aday olan gaz ocağı kursu var mı',
  'patlak boru',
  'Hava çok sıcak, gölgelik istiyoruz',
  'Şehir hastanesine otobüs yok',
  'itfaiye araçları sokağa giremiyor, park yasağı istiyoruz',
  'الماء مقطوع منذ يومين',
  'أريد موعدا',
  'the street lamp is on all day',
  'no water since morning',
] as const;

describe('the shipped words hear an emergency', () => {
  it.each(emergencies)('%s', (sentence) => {
    expect(lexicon.emergency(sentence)).toBeDefined();
    expect(lexicon.notACase(sentence)).toBeUndefined();
  });
});

describe('the shipped words alarm nobody for', () => {
  it.each(ordinary)('%s', (sentence) => {
    expect(lexicon.emergency(sentence)?.word).toBeUndefined();
  });
});

describe('the shipped words take for no case', () => {
  it.each([
    ['Merhaba, iyi günler', 'greeting'],
    ['Çok teşekkür ederim 🙏🏻', 'applause'],
    ['👏👏❤️', 'applause'],
    ['teşekkürlerrr', 'applause'],
    ['Casino deneme bonusu https://kazan.example/abc', 'spam'],
    ['takipçi satın al, ucuz takipçi t.me/takip', 'spam'],
    ['Parkta escort ilanları yapıştırılmış, çocuklar görüyor, kaldırın', undefined],
    ['Casino önünde kavga oluyor her gece', undefined],
    ['🆘', undefined],
    ['🚨', undefined],
    ['🔥', undefined],
  ])('«%s» → %s', (text, reason) => {
    expect(lexicon.notACase(text)).toBe(reason);
  });
});
