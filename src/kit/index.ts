/** Pure helpers that adapters and the parts around them may use. */
export * from './email.ts';
export * from './gsm7.ts';
export * from './hash.ts';
export * from './headers.ts';
export * from './json.ts';
export * from './name.ts';
export * from './phone.ts';
export * from './signature.ts';
export * from './tckn.ts';
export * from './text.ts';
export * from './vkn.ts';
