export * from './environment.ts';
export * from './lists.ts';
export * from './load.ts';
export * from './problem.ts';
export * from './reference.ts';
export * from './schema.ts';
export * from './watch-reload.ts';
