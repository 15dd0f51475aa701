export * from './citizen-pages.ts';
