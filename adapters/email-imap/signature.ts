import { type Cut, foldI } from './quote.ts';

/** Cuts what a client or an office adds below what the citizen wrote. */

const maxSignatureLines = 20;

const clientLine =
  /^(?:sent from (?:my |outlook|yahoo|mail|proton|samsung|the ).{0,60}|get outlook for .{2,80}|von meine[mr] .{2,40} gesendet|gesendet von .{2,40}|envoyé de mon .{2,40}|.{0,4}iphone.?(?:um|['’]umdan?|['’]dan).{0,5}\s?gönderildi|ipad.{0,8}\s?gönderildi|iphone cihaz.{0,8} gönderildi|.{2,40}\s(?:telefonum|cihazim|tabletim)dan gönderildi|.{2,40} akilli telefonumdan gönderildi|android (?:için|cihaz).{2,60}|ios için outlook.{0,30}|windows (?:için|10 için) posta.{0,30}|outlook(?:['’]u edinin|(?:['’]dan| mobil).{0,20} gönderildi).{0,40}|yandex\.?(?: ?mail| posta)?.{0,12}\s?(?:gönderildi|ile gönderilmiştir).{0,40}|.{0,40}yahoo (?:posta|mail).{0,30}gönderildi.{0,20}|(?:gmail|mail\.ru|hotmail|proton mail).{0,20}\s(?:gönderildi|ile gönderilmiştir).{0,20})\.?$/i;

const disclaimerStart =
  /^\W{0,4}(?:yasal uyari|uyari\b|gizlilik (?:uyarisi|bildirimi)|disclaimer|confidentiality|bu (?:e-?posta|elektronik posta|mesaj|ileti)|this (?:e-?mail|message)|diese e-?mail)/i;
const disclaimerWords =
  /gizli|yetkisiz|hukuk(?:i|en|sal)|sorumlu(?:luk|dur)|muhatab|confidential|privileged|intended|vertraulich/i;

export function cutSignature(text: string): Cut {
  let lines = text.split('\n');
  const before = lines.length;
  lines = cutDisclaimer(cutDelimiter(lines));
  while (lines.length > 1 && trailing(lines)) lines.pop();
  const remaining = lines.join('\n').trim();
  return remaining === '' || lines.length === before ? { text, cut: false } : { text: remaining, cut: true };
}

function trailing(lines: readonly string[]): boolean {
  const last = (lines.at(-1) ?? '').trim();
  return last === '' || /^[-_—]{2,60}$/.test(last) || (last.length < 160 && clientLine.test(foldI(last)));
}

/** RFC 3676: a line of two hyphens and a space; many clients lose the space. */
function cutDelimiter(lines: string[]): string[] {
  const at = lines.findLastIndex((line) => /^-- ?\r?$/.test(line));
  return at > 0 && lines.length - at <= maxSignatureLines ? lines.slice(0, at) : lines;
}

/** The paragraph of lawyers' words at the end; a sentence of the citizen that begins alike has none of theirs. */
function cutDisclaimer(lines: string[]): string[] {
  const from = Math.max(1, lines.length - maxSignatureLines);
  for (let index = from; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (line.length > 4000 || !disclaimerStart.test(foldI(line))) continue;
    const rest = foldI(lines.slice(index).join(' ').slice(0, 4000));
    if (rest.length > 150 && disclaimerWords.test(rest)) return lines.slice(0, index);
  }
  return lines;
}
