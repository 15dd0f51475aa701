export * from './lexicon.ts';
export * from './understand.ts';
