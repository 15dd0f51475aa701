export * from './adapter.ts';
export * from './destination.ts';
export * from './manual-clock.ts';
export * from './memory-deliveries.ts';
export * from './store.ts';
