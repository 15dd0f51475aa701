import {
  canMove,
  canonicalNumber,
  type ErrorCode,
  type EventSubmission,
  RefusedRequest,
  type SokRecord,
} from '@kapi/contract';
import type { House } from './house.ts';

/** Longest chain of duplicates or children that is followed. */
const longestChain = 100;

const refused = (code: Extract<ErrorCode, 'invalid_request' | 'link_conflict'>, message: string) =>
  new RefusedRequest(code, 'The records cannot be linked that way.', {
    errors: [{ pointer: '/link/number', message }],
  });

/** The link by the number as records write it, where it is one. */
export function withCanonicalLink(submission: EventSubmission): EventSubmission {
  const number = submission.link && canonicalNumber(submission.link.number);
  return submission.link === undefined || number === undefined
    ? submission
    : { ...submission, link: { ...submission.link, number } };
}

/**
 * A link as it may be made or taken back: to a record that exists, that is another one, and that does not
 * lead back to this; taken back only where it stands.
 * @throws RefusedRequest `invalid_request`, `link_conflict`
 */
export async function checkedLink(
  house: House,
  record: SokRecord,
  submission: EventSubmission,
): Promise<EventSubmission> {
  const { link, event } = submission;
  if (link === undefined || (event !== 'linked' && event !== 'unlinked')) return submission;
  const number = canonicalNumber(link.number);
  if (number === undefined) throw refused('invalid_request', 'no record number');
  const { links } = record;
  if (event === 'unlinked') {
    const stands = link.as === 'related' ? links.related.includes(number) : links[link.as] === number;
    if (!stands) throw refused('link_conflict', `this record is not linked to it as «${link.as}»`);
  } else {
    if (number === record.number) throw refused('invalid_request', 'the record itself');
    const other = link.as === 'related' ? undefined : links[link.as];
    if (other !== undefined && other !== number)
      throw refused('link_conflict', `it is linked to ${other} as «${link.as}»; take that back first`);
    await follow(house, record.number, number, link.as);
  }
  return withCanonicalLink(submission);
}

/** @throws RefusedRequest where the target does not exist, or its own links of that kind lead back to `from` */
async function follow(
  house: House,
  from: string,
  target: string,
  as: NonNullable<EventSubmission['link']>['as'],
): Promise<void> {
  let number: string | undefined = target;
  for (let step = 0; number !== undefined; step += 1) {
    const view = await house.reader.record({ number });
    if (view === undefined && step === 0) throw refused('invalid_request', 'no such record');
    if (as === 'related') return;
    number = view?.record.links[as];
    if (number === from || step >= longestChain)
      throw refused('link_conflict', `it is itself linked to this record as «${as}»`);
  }
}

/** The record with the link made or taken back. Pure. */
export function linked(record: SokRecord, { link, event }: EventSubmission): SokRecord {
  if (link === undefined) return record;
  const { links } = record;
  if (link.as === 'related') {
    const others = links.related.filter((number) => number !== link.number);
    return {
      ...record,
      links: { ...links, related: event === 'linked' ? [...others, link.number] : others },
    };
  }
  const { [link.as]: _old, ...rest } = links;
  const after = { ...record, links: event === 'linked' ? { ...rest, [link.as]: link.number } : rest };
  if (link.as !== 'duplicateOf') return after;
  // A duplicate is closed as one and comes back to the queue when the link is taken away; both are reversible.
  if (event === 'linked' && canMove(record.status, 'duplicate')) return { ...after, status: 'duplicate' };
  if (event === 'unlinked' && record.status === 'duplicate') return { ...after, status: 'queued' };
  return after;
}
