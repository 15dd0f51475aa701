import { foldKey } from '@kapi/kit';

/** Word lists of the configuration (`words.yaml`), as people write them. */
export interface Words {
  readonly emergency: readonly string[];
  readonly greetings: readonly string[];
  readonly applause: readonly string[];
  readonly spam: readonly string[];
}

export interface Hit {
  /** The list's own spelling. */
  readonly word: string;
  readonly span: readonly [number, number];
}

export interface Lexicon {
  /** First emergency expression in the text. */
  emergency(text: string): Hit | undefined;
  /** Why this is no case (`empty`, `greeting`, `applause`, `spam`), or undefined: then it is one. */
  notACase(text: string): 'empty' | 'greeting' | 'applause' | 'spam' | undefined;
}

interface Token {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

/** Longest text that is looked through; what lies behind it cannot make a message an emergency. */
const maxCharacters = 100_000;

const wordCharacter = /[\p{L}\p{M}\p{N}]/u;
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
    found.push({ folded: inPlace ? letters : foldKey(letters), start, end: at });
  }
  return found;
}

interface Phrase {
  readonly word: string;
  readonly stems: readonly string[];
}

const phraseOf = (word: string): Phrase => ({ word, stems: tokens(word).map((token) => token.folded) });

/** Phrases by the first three letters of their first stem. */
function indexPhrases(words: readonly string[]): ReadonlyMap<string, readonly Phrase[]> {
  const index = new Map<string, Phrase[]>();
  for (const phrase of words.map(phraseOf)) {
    const first = phrase.stems[0];
    if (first === undefined) continue;
    const key = first.slice(0, 3);
    index.set(key, [...(index.get(key) ?? []), phrase]);
  }
  return index;
}

/** Each stem of the phrase begins one token, in order, side by side: Turkish suffixes may follow it. */
function matchesAt(found: readonly Token[], at: number, phrase: Phrase): boolean {
  return phrase.stems.every((stem, offset) => found[at + offset]?.folded.startsWith(stem) === true);
}

export function createLexicon(words: Words): Lexicon {
  const emergency = indexPhrases(words.emergency);
  const spam = indexPhrases(words.spam);
  // Courtesies are matched whole: «merhaba» is one, «merhabalar su yok» is not.
  const courtesies = new Set([...words.greetings, ...words.applause].flatMap((word) => phraseOf(word).stems));
  const applause = new Set(words.applause.flatMap((word) => phraseOf(word).stems));

  function firstHit(found: readonly Token[], index: ReadonlyMap<string, readonly Phrase[]>): Hit | undefined {
    for (const [at, token] of found.entries()) {
      const phrase = index
        .get(token.folded.slice(0, 3))
        ?.find((candidate) => matchesAt(found, at, candidate));
      const last = phrase && found[at + phrase.stems.length - 1];
      if (phrase && last) return { word: phrase.word, span: [token.start, last.end] };
    }
    return undefined;
  }

  return {
    emergency: (text) => firstHit(tokens(text), emergency),
    notACase(text) {
      const found = tokens(text);
      if (found.length === 0) return text.trim() === '' ? 'empty' : 'applause';
      if (firstHit(found, spam)) return 'spam';
      if (!found.every((token) => courtesies.has(token.folded))) return undefined;
      return found.some((token) => applause.has(token.folded)) ? 'applause' : 'greeting';
    },
  };
}
