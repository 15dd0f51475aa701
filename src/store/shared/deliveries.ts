import { type Urgency, urgencies } from '@kapi/contract';

/** States of a delivery; their place in the list is what stands in the row. */
export const deliveryStates = [
  'ready',
  'behind',
  'waiting',
  'claimed',
  'delivered',
  'dead',
  'erased',
] as const;
export type DeliveryState = (typeof deliveryStates)[number];
export const stateCode = (state: DeliveryState): number => deliveryStates.indexOf(state);
export const firstSettled = stateCode('delivered');

export const priorityOf = (urgency: Urgency): number => urgencies.indexOf(urgency);
export const urgencyAt = (priority: number): Urgency => urgencies[priority] ?? 'normal';

/** Counters of one destination, by state and priority; the delivery book and queue statistics are sums of them. */
export const deliveryCounter = (did: number, state: number, priority: number): string =>
  `delivery:${did}:${state}:${priority}`;
