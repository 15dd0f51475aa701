import type { Route } from '../route.ts';
import { administrationRoutes } from './administration.ts';
import { alarmRoutes } from './alarms.ts';
import { healthRoutes } from './health.ts';
import { messageRoutes } from './messages.ts';
import { operationRoutes } from './operations.ts';
import { queueRoutes } from './queue.ts';
import { recordRoutes } from './records.ts';
import { streamRoutes } from './stream.ts';
import { uploadRoutes } from './uploads.ts';
import { webhookRoutes } from './webhooks.ts';

/** Every route of the API, in the order of the reference. */
export const apiRoutes: readonly Route[] = [
  ...messageRoutes,
  ...uploadRoutes,
  ...recordRoutes,
  ...streamRoutes,
  ...queueRoutes,
  ...operationRoutes,
  ...alarmRoutes,
  ...administrationRoutes,
  ...webhookRoutes,
  ...healthRoutes,
];
