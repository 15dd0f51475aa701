export { defaultLimits, type HttpConfig } from './config.ts';
export { buildServer } from './server.ts';
