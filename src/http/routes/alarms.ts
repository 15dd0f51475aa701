import { alarmsAnswer } from '@kapi/contract';
import { defineRoute, noBody, none, ok, type Route } from '../route.ts';
import { idPath } from './operations.ts';

const alarms = defineRoute({
  method: 'GET',
  path: '/v1/alarms',
  tag: 'Operations',
  summary: 'What is wrong now',
  access: { scopes: ['admin'] },
  load: 'read',
  params: none,
  query: none,
  body: noBody,
  answers: { 200: { description: 'Open alarms, oldest first.', schema: alarmsAnswer } },
  errors: [],
  examples: [{ name: 'All', status: 200 }],
  handle: async ({ house }) => ok({ alarms: await house.gateway.operations.alarms() }),
});

const acknowledge = defineRoute({
  method: 'POST',
  path: '/v1/alarms/{id}/acknowledge',
  tag: 'Operations',
  summary: 'I have it in hand',
  description: 'The alarm is repeated no more; it ends when what is wrong is right again.',
  access: { scopes: ['admin'] },
  load: 'entrance',
  params: idPath,
  query: none,
  body: noBody,
  answers: { 204: { description: 'Acknowledged.' } },
  errors: ['not_found'],
  examples: [{ name: 'One', path: { id: 'alarm-1' }, status: 204 }],
  handle: async ({ params, actor, house }) => {
    await house.gateway.operations.acknowledge(params.id, actor);
    return { status: 204 };
  },
});

export const alarmRoutes: readonly Route[] = [alarms, acknowledge];
