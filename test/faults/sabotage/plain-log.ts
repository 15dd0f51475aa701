import { pino } from 'pino';
import type { createLog as honest } from '../../../src/platform/log.ts';

export * from '../../../src/platform/log.ts';

export const createLog: typeof honest = ({ level } = {}) => pino({ level: level ?? 'info' });
