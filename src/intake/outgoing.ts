import { type CloudEvent, outgoingType, RefusedRequest, toCloudEvent } from '@kapi/contract';
import type { Actor } from './gateway.ts';
import type { House } from './house.ts';
import { readEvent } from './queue.ts';
import { revealed } from './reveal.ts';
import { destinationsOf } from './route.ts';
import type { DestinationSettings } from './settings.ts';

/**
 * What a record's events are to a destination, on or off: those that leave for it, each as rendered at
 * its first try, or as it would be now. Nothing is sent. In clear only with a reason, which is audited.
 * @throws RefusedRequest `not_found`, `forbidden`
 */
export async function outgoing(
  house: House,
  destinations: readonly DestinationSettings[],
  number: string,
  name: string,
  actor: Actor,
  reason: string | undefined,
): Promise<readonly CloudEvent[]> {
  const destination = destinations.find(({ id }) => id === name);
  if (!destination) {
    const known = destinations.map(({ id }) => id).join(', ');
    throw new RefusedRequest('not_found', `There is no destination «${name}»; there are: ${known}.`);
  }
  const { profile } = destination;
  const history = await house.reader.history(number, profile);
  if (history.length === 0) throw new RefusedRequest('not_found', `There is no record ${number}.`);
  if (profile === 'full') {
    if (reason === undefined)
      throw new RefusedRequest('forbidden', `${name} gets records in clear: say why, as for a reveal.`);
    await revealed(house, number, actor, reason);
  }
  return history
    .filter(
      ({ event, record }) =>
        outgoingType(event.name) !== undefined && destinationsOf(record, [destination]).length > 0,
    )
    .map(({ event, record, body }) =>
      body === undefined
        ? toCloudEvent(event, record, profile, house.settings().institution)
        : readEvent(body),
    );
}
