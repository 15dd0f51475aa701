import type { ApplicationType, Channel, Kind, OutcomeResult, Status, Urgency } from './vocabulary.ts';

/** Turkish labels of the record's words: the one table every page, template and report reads. */
export const channelLabels: Readonly<Record<Channel, string>> = {
  whatsapp: 'WhatsApp',
  sms: 'SMS',
  email: 'E-posta',
  kep: 'KEP',
  x: 'X',
  facebook: 'Facebook',
  instagram: 'Instagram',
  phone: 'Çağrı merkezi (153)',
  switchboard: 'Genel santral',
  mayor_call: 'Başkan telefonu',
  web: 'Web başvuru',
  front_desk: 'Başvuru masası',
  mobile_team: 'Gezici mahalle ekibi',
  neighbourhood_meeting: 'Mahalle toplantısı',
  idea_box: 'Fikir kutusu',
  press: 'Basın',
  private_office: 'Özel kalem',
  petition: 'Dilekçe',
  cimer: 'CİMER',
  bimer_legacy: 'BİMER',
  tbmm_edilekce: 'TBMM e-Dilekçe',
  acikkapi: 'İçişleri Açık Kapı',
  eyp: 'Resmî yazı (EYP)',
  district_desk: 'İlçe hizmet masası',
  open311: 'Open311',
  telegram: 'Telegram',
  edevlet: 'e-Devlet',
  kma: 'Kamu Memnuniyet Anketi',
  flow: 'Akış',
};

export const kindLabels: Readonly<Record<Kind, string>> = {
  complaint: 'Şikâyet',
  suggestion: 'Öneri',
  contribution: 'Katkı',
};

export const applicationTypeLabels: Readonly<Record<ApplicationType, string>> = {
  complaint: 'Şikâyet',
  request: 'İstek',
  tipoff: 'İhbar',
  opinion: 'Görüş ve öneri',
  information: 'Bilgi edinme (4982)',
  inquiry: 'Soru',
  thanks: 'Teşekkür',
  participation: 'Yönetime katılma',
  job: 'İş başvurusu',
};

export const statusLabels: Readonly<Record<Status, string>> = {
  draft: 'Taslak',
  received: 'Alındı',
  incomplete: 'Bilgi bekleniyor',
  queued: 'Sırada',
  accepted: 'Kabul edildi',
  forwarded: 'İlgili birime iletildi',
  in_progress: 'İşlemde',
  answered: 'Cevaplandı',
  closed: 'Sonuçlandı',
  cancelled: 'İptal edildi',
  duplicate: 'Mükerrer',
};

export const urgencyLabels: Readonly<Record<Urgency, string>> = {
  emergency: 'Acil durum',
  today: 'Bugün',
  urgent: 'İvedi',
  normal: 'Olağan',
};

export const outcomeLabels: Readonly<Record<OutcomeResult, string>> = {
  positive: 'Olumlu',
  negative: 'Olumsuz',
  transferred: 'İlgili kuruma aktarıldı',
  informed: 'Bilgi verildi',
  invalid: 'İşleme alınamadı',
};
