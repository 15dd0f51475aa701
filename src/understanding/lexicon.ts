import { foldKey } from '@kapi/kit';

/** Word lists of the configuration (`words.yaml`), as people write them; `…` lets up to three words stand between. */
export interface Words {
  readonly emergency: readonly string[];
  /** Expressions in which a word of `emergency` means something else: `yangın merdiveni`. */
  readonly notEmergency: readonly string[];
  readonly greetings: readonly string[];
  readonly applause: readonly string[];
  readonly spam: readonly string[];
  /** Words of a town's matters: a text that has one is never spam. */
  readonly matters: readonly string[];
}

export interface Hit {
  /** The list's own spelling. */
  readonly word: string;
  readonly span: readonly [number, number];
}

export interface Lexicon {
  /** First emergency expression in the text. */
  emergency(text: string): Hit | undefined;
  /** Why this is no case (`empty`, `greeting`, `applause`, `spam`), or undefined: then it is one. An emergency always is. */
  notACase(text: string): 'empty' | 'greeting' | 'applause' | 'spam' | undefined;
}

interface Token {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

/** Longest text that is looked through; what lies behind it cannot make a message an emergency. */
const maxCharacters = 100_000;
const maxGap = 3;

// Not the marks that only choose how a picture is drawn.
const wordCharacter = /(?![\ufe00-\ufe0f\u20e3])[\p{L}\p{M}\p{N}]/u;
const zero = 48;
const nine = 57;
const a = 97;
const z = 122;

/** Whether the UTF-16 unit at `at` is of a word. Folded text is almost all ASCII, which needs no table. */
function inWord(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 128)
    return (unit >= a && unit <= z) || (unit >= zero && unit <= nine) || (unit >= 65 && unit <= 90);
  if (unit >= 0xdc00 && unit <= 0xdfff) return at > 0 && wordCharacter.test(text.slice(at - 1, at + 1));
  return wordCharacter.test(String.fromCodePoint(text.codePointAt(at) ?? unit));
}

const firstArabic = 0x600;
const lastArabic = 0x6ff;
const arabicArticle = /^(?:[وبفك]?ال|لل)(?=.{3})/;

/** Letters that are written one for the other, and the article, which is written onto the word. */
const foldArabic = (word: string): string =>
  word
    .replace(/[\u064b-\u0652\u0640]/g, '')
    .replace(/[أإآ]/g, 'ا')
    .replace(/ى/g, 'ي')
    .replace(/ة/g, 'ه')
    .replace(arabicArticle, '');

/** One letter for a letter held down: «imdaaat» is «imdat». Lists and texts are read alike, so that «dükkân» still meets itself. */
function plain(word: string): string {
  const first = word.charCodeAt(0);
  if (first >= firstArabic && first <= lastArabic) return foldArabic(word);
  for (let at = 1; at < word.length; at += 1) {
    const unit = word.charCodeAt(at);
    if (unit === word.charCodeAt(at - 1) && unit >= a && unit <= z) return word.replace(/([a-z])\1+/g, '$1');
  }
  return word;
}

/** Folding the text once costs a fraction of folding each word; where it would move letters, each word is folded alone. */
function tokens(text: string): Token[] {
  const seen = text.slice(0, maxCharacters);
  const folded = foldKey(seen);
  const inPlace = folded.length === seen.length;
  const searched = inPlace ? folded : seen;
  const found: Token[] = [];
  for (let at = 0; at < searched.length; at += 1) {
    if (!inWord(searched, at)) continue;
    const start = at;
    while (at < searched.length && inWord(searched, at)) at += 1;
    const letters = searched.slice(start, at);
    found.push({ folded: plain(inPlace ? letters : foldKey(letters)), start, end: at });
  }
  return found;
}

interface Stem {
  readonly beginning: string;
  /** Words that may stand before it. */
  readonly gap: number;
}

interface Phrase {
  readonly word: string;
  readonly stems: readonly Stem[];
}

const phraseOf = (word: string): Phrase => ({
  word,
  stems: word.split(/…|\.{3}/).flatMap((piece, index) =>
    tokens(piece).map(({ folded }, at) => ({
      beginning: folded,
      gap: index > 0 && at === 0 ? maxGap : 0,
    })),
  ),
});

type PhraseIndex = ReadonlyMap<string, readonly Phrase[]>;

/** Phrases by the first three letters of their first stem. */
function indexPhrases(words: readonly string[]): PhraseIndex {
  const index = new Map<string, Phrase[]>();
  for (const phrase of words.map(phraseOf)) {
    const first = phrase.stems[0];
    if (first === undefined) continue;
    const key = first.beginning.slice(0, 3);
    index.set(key, [...(index.get(key) ?? []), phrase]);
  }
  return index;
}

/** Turkish suffixes may follow a stem; one of two letters would begin too many words and stands whole. */
const begins = ({ beginning }: Stem, word: string): boolean =>
  beginning.length < 3 ? word === beginning : word.startsWith(beginning);

/** Index of the phrase's last word where it begins at `at`. */
function matchesAt(found: readonly Token[], at: number, phrase: Phrase, from = 0): number | undefined {
  const stem = phrase.stems[from];
  if (stem === undefined) return at - 1;
  for (let skipped = 0; skipped <= stem.gap; skipped += 1) {
    const token = found[at + skipped];
    if (token === undefined) return undefined;
    if (!begins(stem, token.folded)) continue;
    const last = matchesAt(found, at + skipped + 1, phrase, from + 1);
    if (last !== undefined) return last;
  }
  return undefined;
}

interface Match {
  readonly phrase: Phrase;
  readonly first: number;
  readonly last: number;
}

function* matches(found: readonly Token[], index: PhraseIndex): Generator<Match> {
  for (let first = 0; first < found.length; first += 1) {
    const phrases = index.get(found[first]?.folded.slice(0, 3) ?? '');
    if (phrases === undefined) continue;
    for (const phrase of phrases) {
      const last = matchesAt(found, first, phrase);
      if (last !== undefined) yield { phrase, first, last };
    }
  }
}

/** What the pictures of a text are: hands, hearts and faces that only applaud, or something that is said. */
const pictures = (text: string): string[] =>
  [...text].filter((character) => /\p{Extended_Pictographic}/u.test(character));

const link = /https?:\/\/|\bwww\.|\b(?:t|wa)\.me\/|\bbit\.ly\//i;

export function createLexicon(words: Words): Lexicon {
  const emergency = indexPhrases(words.emergency);
  const notEmergency = indexPhrases(words.notEmergency);
  const spam = indexPhrases(words.spam);
  const matters = indexPhrases(words.matters);
  const stemsOf = (word: string) => phraseOf(word).stems.map(({ beginning }) => beginning);
  // Courtesies are matched whole: «merhaba» is one, «merhabalar su yok» is not.
  const courtesies = new Set([...words.greetings, ...words.applause].flatMap(stemsOf));
  const applause = new Set(words.applause.flatMap(stemsOf));
  const applauding = new Set(words.applause.flatMap(pictures));
  const alarming = words.emergency.flatMap(pictures);

  function emergencyIn(text: string, found: readonly Token[]): Hit | undefined {
    const elsewise = new Set<number>();
    let looked = false;
    for (const { phrase, first, last } of matches(found, emergency)) {
      // Most texts have no hit, and are looked through once.
      if (!looked) {
        for (const other of matches(found, notEmergency))
          for (let at = other.first; at <= other.last; at += 1) elsewise.add(at);
        looked = true;
      }
      const [start, end] = [found[first]?.start, found[last]?.end];
      if (!elsewise.has(last) && start !== undefined && end !== undefined)
        return { word: phrase.word, span: [start, end] };
    }
    const picture = alarming.find((each) => text.includes(each));
    if (picture === undefined) return undefined;
    const at = text.indexOf(picture);
    return { word: picture, span: [at, at + picture.length] };
  }

  /** A phrase of its kind is no proof: it takes a second one or a link beside it, and nothing of a town's matters. */
  function isSpam(text: string, found: readonly Token[]): boolean {
    const phrases = new Set([...matches(found, spam)].map(({ phrase }) => phrase));
    if (phrases.size === 0 || !(phrases.size > 1 || link.test(text))) return false;
    return matches(found, matters).next().done === true;
  }

  return {
    emergency: (text) => emergencyIn(text, tokens(text)),
    notACase(text) {
      const found = tokens(text);
      if (emergencyIn(text, found)) return undefined;
      if (found.length === 0) {
        const shown = pictures(text);
        if (shown.length === 0) return 'empty';
        return shown.every((picture) => applauding.has(picture)) ? 'applause' : undefined;
      }
      if (isSpam(text, found)) return 'spam';
      if (!found.every((token) => courtesies.has(token.folded))) return undefined;
      return found.some((token) => applause.has(token.folded)) ? 'applause' : 'greeting';
    },
  };
}
