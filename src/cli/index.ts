export type * from './parts.ts';
export { run } from './program.ts';
