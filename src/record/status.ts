import type { Status } from './vocabulary.ts';

/** Where a record may go from each status. The one table that decides. */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  draft: ['received', 'cancelled'],
  received: ['incomplete', 'queued', 'cancelled'],
  incomplete: ['queued', 'accepted', 'cancelled', 'duplicate'],
  queued: [
    'incomplete',
    'accepted',
    'forwarded',
    'in_progress',
    'answered',
    'closed',
    'cancelled',
    'duplicate',
  ],
  accepted: ['incomplete', 'forwarded', 'in_progress', 'answered', 'closed', 'cancelled', 'duplicate'],
  forwarded: [
    'incomplete',
    'accepted',
    'forwarded',
    'in_progress',
    'answered',
    'closed',
    'cancelled',
    'duplicate',
  ],
  in_progress: ['incomplete', 'forwarded', 'in_progress', 'answered', 'closed', 'cancelled', 'duplicate'],
  answered: ['in_progress', 'answered', 'closed'],
  closed: ['in_progress'],
  cancelled: ['queued'],
  duplicate: ['queued'],
};

/** Statuses in which a citizen's next message still belongs to the case. */
export const openStatuses: ReadonlySet<Status> = new Set([
  'received',
  'incomplete',
  'queued',
  'accepted',
  'forwarded',
  'in_progress',
]);

export const canMove = (from: Status, to: Status): boolean => transitions[from].includes(to);
