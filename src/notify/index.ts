export * from './choose.ts';
export * from './compose.ts';
export * from './kinds.ts';
export * from './plan.ts';
export * from './ports.ts';
export * from './send.ts';
export * from './templates.ts';
