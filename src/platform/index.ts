export * from './alarm-ways.ts';
export * from './alarms.ts';
export * from './clock.ts';
export * from './http-client.ts';
export * from './ids.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './scrub.ts';
