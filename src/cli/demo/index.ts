export { type Hour, wholeHour } from './hour.ts';
export { runDemo } from './run.ts';
