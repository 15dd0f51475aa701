import type { DemoMessage } from './message.ts';

/** Short messages: one thumb, no diacritics, no punctuation, several in a row. */
export const shortMessages: readonly DemoMessage[] = [
  { phone: '05800000301', text: 'nilufer ihsaniye aras sk cop alinmiyo 3 gundur koktu' },
  { phone: '05800000302', text: 'ISMIM AHMET KAYA TC 10000000146 YILDIRIM VATAN MAH SOKAK LAMBASI YANMIYO' },
  { phone: '05800000303', text: 'slm' },
  { phone: '05800000304', text: 'Su ne zmn gelcek??' },
  { phone: '05800000304', text: 'mollaarap mah. yazmayi unuttum' },
  { phone: '05800000305', text: 'tsk ederiz cukuru kapatmissiniz Allah razi olsun' },
  {
    phone: '05800000306',
    text: 'Otobus 38 nolu hat gene gelmedi isten cikarilcam sizin yuzunuzden',
    repeats: 3,
  },
  { phone: '05800000307', text: 'kar yagdi yokus buz araba kayiyo TUZLAMA YAPIN osmangazi kirkpinarlar' },
  { phone: '05800000308', text: 'selamun aleykum hayirli cumalar' },
  { phone: '05800000309', text: 'Agac devrildi yolu kapatti arac gecemiyo Uludag yolu 12 km' },
  { phone: '05800000310', text: 'evde gaz kokusu var ne yapmaliyim acil' },
  {
    phone: '05800000311',
    text: 'bende su faturasi yuzunden ariyom 153 dusmuyo hep mesgul. 1.240 tl gelmis tek yasiyom ben emekliyim',
  },
  {
    phone: '05800000312',
    text: 'Kopek isirdi kizimi kuduz asisi yaptirdik. kopek hala orda sahipli olabilir tasma var. Yenisehir carsi ici',
  },
  { phone: '05800000313', text: '👍' },
  { phone: '05800000314', text: 'inegol alanyurt pazar yeri cop dolu yikanmiyo balik kokusu' },
  { phone: '05800000315', text: 'Pls fix traffic lamp near Korupark, always red, 15 min waiting' },
  { phone: '05800000316', text: 'minibuscu 20 lira ustu vermedi M. yazan minibus gursu hatti' },
  { phone: '05800000317', text: 'Mezarlikta annemin mezar tasini kirmislar kamera var mi' },
  { phone: '05800000318', text: 'BEN DUN YAZDIM CEVAP GELMEDI HANI 48 SAAT' },
  { phone: '05800000319', text: 'sokakta davul zurna saat 12 oldu bebek var uyuyamiyo' },
  { phone: '05800000320', text: 'ev yaniyor ust kat cabuk olun karacabey runguspasa mah', repeats: 1 },
  {
    phone: '05800000321',
    text: 'park yeri yok herkes kaldirimda. zabita sadece bize ceza yaziyo esnafa yok',
  },
  { phone: '05800000322', text: 'Deneme bonusu veren siteler 5000 TL hemen tikla' },
  { phone: '05800000323', text: 'koy yolu greyder istiyoz cenaze getiremedik harmancik' },
  { phone: '05800000324', text: 'iyi aksamlar kolay gelsin' },
  {
    phone: '05800000325',
    text: 'Bilgi almak istiyom evlenme cuzdani randevusu nasil alincak nisanlim yabanci uyruklu',
  },
  { phone: '05800000326', text: 'kanalizasyon patladi cocuk parkina akiyo kimse yok' },
  { phone: '05800000327', text: 'Baskanim oglum issiz universite mezunu bi is verin nolur numaram bu' },
  { phone: '05800000328', text: 'gecici durak tabelasi kalkmis yaslilar yanlis yerde bekliyo setbasi' },
  { phone: '05800000329', text: 'sosyal yardim kartim yatmadi bu ay. cocugun bezi bitti' },
];
