export * from './contacts.ts';
export * from './lexicon.ts';
export * from './peek.ts';
export * from './understand.ts';
