import { codeOf, type ErrorCode, type SaveOutcome, type Settlement } from '@kapi/contract';
import { failpoint } from '../../../contract/failpoint.ts';
import { Abort, failure } from '../../shared/abort.ts';
import type { Answer, AnswerOf, Command, Value } from '../../shared/command.ts';
import type { PackedChange, PackedEntry, PackedSave } from '../../shared/pack.ts';
import { integer } from '../../shared/rows.ts';
import { isLost, sqlState, uniqueTable } from '../connect.ts';
import { acceptFresh, type KeyedEntry, moveCursor, recognise, takeKeys } from './accept.ts';
import { applyChange } from './changes.ts';
import { ClaimRows } from './claim-rows.ts';
import { claimWork } from './claims.ts';
import { rewrapSome } from './keys.ts';
import { endClaim } from './settle.ts';
import type { Writing } from './writing.ts';

/** Thrown where what a group did together cannot be told apart any more: it is done anew, one by one. */
export class Redo extends Error {}

/** How often an item is tried that lost a race for a key. */
const tries = 4;

/**
 * The commands of one group in one transaction. Together: what each needs is fetched for all, what each
 * writes goes out for all, and nothing has a savepoint; the first that fails and has sent something
 * throws `Redo`. One by one: each entry and save under its savepoint, so that it fails alone.
 */
export class Group {
  readonly #w: Writing;
  readonly #together: boolean;
  readonly #claims = new ClaimRows();
  #keyed: ReadonlyMap<PackedEntry, KeyedEntry> = new Map();

  constructor(writing: Writing, together: boolean) {
    this.#w = writing;
    this.#together = together;
  }

  async run(commands: readonly Command[]): Promise<readonly Answer[]> {
    failpoint('group-begun');
    if (this.#together) await this.#fetchAll(commands);
    const answers: Answer[] = [];
    for (const [index, command] of commands.entries()) {
      if (index === 1) failpoint('mid-group');
      answers.push(await this.#answer(command));
    }
    return answers;
  }

  async #answer(command: Command): Promise<Answer> {
    try {
      return { value: await this.#apply(command) };
    } catch (thrown) {
      // Errors of the database end the group; a fault of ours ends only the command.
      if (this.#together || !isOwnFault(thrown)) throw thrown;
      const code: ErrorCode = codeOf(thrown) ?? 'internal';
      return { error: { code, message: thrown instanceof Error ? thrown.message : 'unknown' } };
    }
  }

  async #apply(command: Command): Promise<Value> {
    const w = this.#w;
    switch (command.verb) {
      case 'accept':
        return this.#accept(command.entries);
      case 'claim':
        return this.#whole(() => claimWork(w, command.stage, command.options));
      case 'save':
        return this.#saves(command.saves);
      case 'settle':
        return this.#saves(command.settlements.map((work) => ({ work, changes: [] })));
      case 'rewrap':
        return this.#whole(() => rewrapSome(w, command));
      default:
        throw new Error(`The verb ${command.verb} is no part of a group.`);
    }
  }

  #whole<T>(work: () => Promise<T>): Promise<T> {
    return this.#together ? work() : this.#w.alone(work);
  }

  /** One statement each for keys, records, envelopes and claims of the whole group. */
  async #fetchAll(commands: readonly Command[]): Promise<void> {
    const entries = commands.flatMap((command) => (command.verb === 'accept' ? command.entries : []));
    const saves = commands.flatMap((command) => (command.verb === 'save' ? command.saves : []));
    const settlements = commands.flatMap((command) => (command.verb === 'settle' ? command.settlements : []));
    // Enough that no item must ask for more: two an entry, one or two a change or part.
    const { ids } = this.#w.house;
    const changes = [...entries, ...saves].reduce((sum, one) => sum + (one.changes?.length ?? 0), 0);
    const parts = entries.reduce((sum, entry) => sum + entry.parts.length, 0);
    ids.refresh();
    if (entries.length + changes > 0) await ids.ensure(this.#w, entries.length * 2 + changes * 2 + parts);
    if (entries.length > 0) this.#keyed = await takeKeys(this.#w, entries);
    const kept = entries.filter((entry) => this.#keyed.get(entry)?.fresh);
    await this.#fetch(
      [...kept.map((entry) => entry.changes ?? []), ...saves.map((save) => save.changes)],
      [...settlements, ...saves.flatMap(({ work }) => work ?? [])],
      new Set(kept.map((entry) => entry.envelope.id)),
    );
  }

  async #fetch(
    changes: readonly (readonly PackedChange[])[],
    settlements: readonly Settlement[],
    made: ReadonlySet<string> = new Set(),
  ): Promise<void> {
    const records = new Set<string>();
    const envelopes = new Set<string>();
    for (const list of changes) ownersOf(list, records, envelopes);
    await this.#w.owners.prefetch(records, envelopes.difference(made));
    await this.#claims.fetch(this.#w, settlements);
  }

  /** After a failed entry the cursor of its account stays: what it names has not been accepted. */
  async #accept(entries: readonly PackedEntry[]): Promise<AnswerOf['accept']> {
    const now = Date.now();
    const stuck = new Set<string>();
    const repeats: KeyedEntry[] = [];
    const answered = new Map<PackedEntry, AnswerOf['accept'][number]>();
    for (const entry of entries) {
      const { account } = entry.envelope;
      const outcome = await this.#item(async () => {
        const keyed = this.#keyed.get(entry) ?? (await this.#takeKey(entry));
        const fresh = keyed.fresh ? await acceptFresh(this.#w, keyed, now) : undefined;
        if (!stuck.has(account)) moveCursor(this.#w, entry);
        return fresh ?? keyed;
      }, entry);
      if (outcome instanceof Abort) {
        stuck.add(account);
        answered.set(entry, { result: 'failed', ...failure(outcome.outcome) });
      } else if ('result' in outcome) answered.set(entry, outcome);
      else repeats.push(outcome);
    }
    for (const [entry, outcome] of await recognise(this.#w, repeats)) answered.set(entry, outcome);
    return entries.flatMap((entry) => answered.get(entry) ?? []);
  }

  async #takeKey(entry: PackedEntry): Promise<KeyedEntry> {
    const keyed = (await takeKeys(this.#w, [entry])).get(entry);
    if (!keyed) throw new Error('An entry has no key.');
    if (keyed.fresh) await this.#fetch([entry.changes ?? []], [], new Set([entry.envelope.id]));
    return keyed;
  }

  async #saves(saves: readonly PackedSave[]): Promise<readonly SaveOutcome[]> {
    const outcomes: SaveOutcome[] = [];
    for (const save of saves) outcomes.push(await this.#save(save));
    return outcomes;
  }

  async #save({ work, changes }: PackedSave): Promise<SaveOutcome> {
    const now = Date.now();
    const outcome = await this.#item(
      async () => {
        if (!this.#together) await this.#fetch([changes], work ? [work] : []);
        let row = work && this.#claims.check(work);
        for (const change of changes) await applyChange(this.#w, change, now);
        if (!work || !row) return;
        if (changes.some(mayEndClaims)) {
          await this.#claims.fetch(this.#w, [work]);
          row = this.#claims.check(work);
        }
        await endClaim(this.#w, work, row, now);
        this.#claims.end(this.#w, work);
      },
      { changes },
    );
    if (outcome instanceof Abort) return outcome.outcome;
    const reached = this.#w.takeReached();
    return reached ? { result: 'saved', reached } : { result: 'saved' };
  }

  /** One item; what it was refused for comes back as an Abort. */
  async #item<T>(
    work: () => Promise<T>,
    item: PackedEntry | Pick<PackedSave, 'changes'>,
  ): Promise<T | Abort> {
    if (!this.#together) return this.#alone(work, item.changes ?? []);
    const mark = this.#w.mark();
    try {
      return await work();
    } catch (thrown) {
      if (!isOwnFault(thrown)) throw thrown;
      // An entry's key has been taken for it already.
      if ('envelope' in item || !this.#w.takeBack(mark)) throw new Redo();
      return toAbort(thrown);
    }
  }

  async #alone<T>(work: () => Promise<T>, changes: readonly PackedChange[]): Promise<T | Abort> {
    for (let n = 1; ; n += 1) {
      try {
        return await this.#w.alone(work);
      } catch (thrown) {
        this.#claims.forget();
        const table = uniqueTable(thrown);
        if (table === undefined) {
          if (!isOwnFault(thrown)) throw thrown;
          return toAbort(thrown);
        }
        // Another process took the key a moment ago: now it is seen.
        if (racedTables.has(table) && n < tries) continue;
        return new Abort(await this.#exists(table, changes));
      }
    }
  }

  async #exists(table: string, changes: readonly PackedChange[]): Promise<Abort['outcome']> {
    const made = changes.flatMap((change) =>
      change.do === 'put-record' && change.expectedVersion === 0 ? [change.id] : [],
    );
    if (table === 'records' && made.length > 0) {
      const [row] = await this.#w.all('SELECT id, version FROM records WHERE id = ANY($1::text[])', [made]);
      if (row) return { result: 'conflict', recordId: String(row.id), version: integer(row, 'version') };
    }
    return { result: 'exists', what: table === 'notices' ? 'notice' : table };
  }
}

const racedTables: ReadonlySet<string> = new Set(['envelope_keys', 'item_keys', 'conversations']);

/** Changes after which the row of the save's own claim must be looked at again. */
const mayEndClaims = ({ do: what }: PackedChange): boolean =>
  what === 'replay-envelope' || what === 'erase' || what === 'drop-timer' || what === 'resend-delivery';

/** What we threw ourselves, as opposed to the database or a connection that broke. */
const isOwnFault = (thrown: unknown): boolean => sqlState(thrown) === undefined && !isLost(thrown);

const toAbort = (thrown: unknown): Abort =>
  thrown instanceof Abort
    ? thrown
    : new Abort({
        result: 'failed',
        code: codeOf(thrown) ?? 'internal',
        detail: thrown instanceof Error ? thrown.message : 'unknown',
      });

/** Records and envelopes that changes write to and do not make themselves. */
function ownersOf(changes: readonly PackedChange[], records: Set<string>, envelopes: Set<string>): void {
  const made = new Set<string>();
  const touch = (id: string | undefined): void => {
    if (id !== undefined && !made.has(id)) records.add(id);
  };
  for (const change of changes)
    switch (change.do) {
      case 'put-record':
        if (change.expectedVersion === 0) made.add(change.id);
        else touch(change.id);
        break;
      case 'put-event':
        touch(change.event.recordId);
        break;
      case 'put-notice':
        touch(change.notice.recordId);
        break;
      case 'put-timer':
        touch(change.timer.recordId);
        break;
      case 'put-callback':
        touch(change.callback.recordId);
        break;
      case 'place-message':
        if (change.to.state === 'in-record') touch(change.to.recordId);
        break;
      case 'put-message':
        envelopes.add(change.item.envelopeId);
        if (change.placement.place === 'in-record') touch(change.placement.recordId);
        break;
      case 'put-item':
        envelopes.add(change.item.envelopeId);
        break;
      case 'put-part':
        envelopes.add(change.envelopeId);
        break;
      default:
    }
}
