export * from './data-key.ts';
export * from './key-ring.ts';
export * from './keyed-hash.ts';
export * from './seal.ts';
export * from './tracking-token.ts';
