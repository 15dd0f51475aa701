import { randomUUID } from 'node:crypto';
import type { AcceptEntry, AcceptOutcome, Change } from '../../../src/contract/index.ts';
import { openSqliteStore as open } from '../../../src/store/sqlite/index.ts';
import { withPipeline } from './wrap-store.ts';

export * from '../../../src/store/sqlite/index.ts';

/** The same change under an item key of its own. */
const unkeyed = <C extends Change>(change: C): C =>
  change.do === 'put-message' ? { ...change, item: { ...change.item, key: randomUUID() } } : change;

function repeated({ envelope }: AcceptEntry): AcceptOutcome {
  const id = envelope.headers['kapi-record'];
  return {
    result: 'repeated',
    envelopeId: envelope.id,
    sameContent: true,
    ...(id !== undefined && { record: { id, number: '', trackingPin: '' } }),
  };
}

export const openSqliteStore = withPipeline(open, (real) => {
  const cache = new Map<string, { readonly first: AcceptEntry; readonly taken: Promise<AcceptOutcome> }>();
  async function take(entry: AcceptEntry): Promise<AcceptOutcome> {
    const changes = entry.changes?.map(unkeyed);
    const [outcome] = await real.accept([{ ...entry, key: randomUUID(), ...(changes && { changes }) }]);
    return outcome ?? { result: 'failed', code: 'internal', detail: 'no outcome' };
  }
  return {
    accept: (entries) =>
      Promise.all(
        entries.map(async (entry) => {
          const name = `${entry.envelope.account} ${entry.key}`;
          const known = cache.get(name);
          if (known) {
            await known.taken;
            return repeated(known.first);
          }
          const taken = take(entry);
          cache.set(name, { first: entry, taken });
          return taken;
        }),
      ),
    save: (saves) => real.save(saves.map((save) => ({ ...save, changes: save.changes.map(unkeyed) }))),
  };
});
