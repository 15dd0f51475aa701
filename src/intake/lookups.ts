import type { Lookup, SokRecord } from '@kapi/contract';
import { nameKey } from '@kapi/kit';

/** How a person is found by their whole name, or undefined where no word stands in it. */
export function nameLookup(name: string): Lookup | undefined {
  const value = nameKey(name);
  return value === '' ? undefined : { kind: 'name', value };
}

export const sameName = (one: string, other: string): boolean => nameKey(one) === nameKey(other);

/** Every way this record is found again. */
export function lookupsOf({ citizen }: SokRecord): Lookup[] {
  const name = nameLookup(citizen.name ?? '');
  return [
    ...citizen.phones.map((value) => ({ kind: 'phone', value }) as const),
    ...citizen.emails.map((value) => ({ kind: 'email', value }) as const),
    ...citizen.handles.map(
      ({ account, handle }) => ({ kind: 'handle', value: `${account}:${handle}` }) as const,
    ),
    ...(citizen.tckn === undefined ? [] : [{ kind: 'tckn', value: citizen.tckn } as const]),
    ...(name === undefined ? [] : [name]),
  ];
}
