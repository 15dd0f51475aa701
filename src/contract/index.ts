/** Everything an adapter, a store or a destination is built against. */
export * from '../record/index.ts';
export * from './adapter.ts';
export * from './answers.ts';
export * from './api.ts';
export * from './cloud-event.ts';
export * from './destination.ts';
export * from './envelope.ts';
export * from './errors.ts';
export * from './store.ts';
