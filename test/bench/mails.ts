import MailComposer from 'nodemailer/lib/mail-composer/index.js';

/**
 * Mails as citizens send them, the same for the same number: six of ten an answer from a web mailer (text and
 * HTML, quoted history), three plain, one with a photo of 60 to 300 kB. Each is its own case.
 */
export async function mailOf(n: number): Promise<Buffer> {
  const draw = chances(n);
  const words = sentences(draw, 4 + Math.floor(draw() * 12));
  const base = {
    from: { name: `Vatandaş ${n}`, address: `v${n}@posta.example` },
    to: { name: 'Bursa Büyükşehir Belediyesi', address: 'bilgi@ornek.example' },
    subject: `Başvuru ${n}: ${words.slice(0, 40)}`,
    date: new Date(Date.UTC(2026, 10, 22, 6, 0, n % 86_400)),
    messageId: `<m${n}@posta.example>`,
    text: `${words}\n\nAd Soyad: Vatandaş ${n}\n`,
  };
  const kind = n % 10;
  const mail =
    kind < 6
      ? { ...base, text: `${base.text}${quoted(draw)}`, html: htmlOf(base.text, quoted(draw)) }
      : kind < 9
        ? base
        : { ...base, attachments: [photo(n, draw)] };
  return new MailComposer(mail).compile().build();
}

/** A generator of its own for each mail, so that mails can be made in any order. */
function chances(seed: number): () => number {
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

const said = [
  'Sokağımızdaki lambalar üç gecedir yanmıyor.',
  'Özlüce Mahallesi Ahıska Caddesi üzerinde büyük bir çukur var.',
  'Çöp konteyneri haftalardır boşaltılmadı, kötü kokuyor.',
  'Otobüs durağındaki oturma yeri kırık, yaşlılar ayakta bekliyor.',
  'Gereğinin yapılmasını saygılarımla arz ederim.',
  'Daha önce de bildirdim ama gelen olmadı.',
  'Parktaki salıncak çocuklar için tehlikeli.',
];
const sentences = (draw: () => number, count: number): string =>
  Array.from({ length: count }, () => said[Math.floor(draw() * said.length)]).join(' ');

const quoted = (draw: () => number): string =>
  `\n\n22 Kas 2026 Paz, 09:14 tarihinde Belediye <bilgi@ornek.example> şunu yazdı:\n\n> ${sentences(draw, 10).replaceAll('. ', '.\n> ')}\n`;

const htmlOf = (text: string, history: string): string =>
  `<html><head><style>.gmail_quote{margin:0}p{font-family:Calibri,sans-serif;font-size:11pt}</style></head><body><div dir="ltr">${text
    .split('. ')
    .map((line) => `<p class="MsoNormal"><span style="color:#1f497d">${line}.</span></p>`)
    .join('\n')}</div><div class="gmail_quote"><blockquote>${history}</blockquote></div></body></html>`;

/** Bytes that do not compress, after the head of a JPEG. */
function photo(n: number, draw: () => number) {
  const content = Buffer.alloc(60_000 + Math.floor(draw() * 240_000));
  for (let at = 0; at < content.length; at += 4)
    content.writeUInt32LE(Math.floor(draw() * 2 ** 32), Math.min(at, content.length - 4));
  Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex').copy(content);
  return { filename: `fotoğraf ${n}.jpg`, contentType: 'image/jpeg', content };
}
