import { codeOf, type ErrorCode, type SaveOutcome, type Settlement } from '@kapi/contract';
import { failpoint } from '../../contract/failpoint.ts';
import { KeyRing } from '../../sealing/index.ts';
import { Abort, failure } from '../shared/abort.ts';
import type { Answer, AnswerOf, Command, GroupResult, Value } from '../shared/command.ts';
import type { PackedEntry, PackedSave } from '../shared/pack.ts';
import { type Connection, openWriter } from './connection.ts';
import { Documents } from './documents.ts';
import { acceptEntry } from './write/accept.ts';
import { applyChange } from './write/changes.ts';
import { claimWork } from './write/claims.ts';
import { checkKeys, rewrapSome } from './write/keys.ts';
import { freeClaims, hold, release, reserveNumbers } from './write/leases.ts';
import { checkToken, endClaim } from './write/settle.ts';
import { Writing } from './write/writing.ts';

export interface EngineOptions {
  readonly path: string;
  /** Text of the key ring. */
  readonly keys: string;
  readonly institution: string;
}

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html). */
const sqlite = { ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, constraint: 19, notADatabase: 26 };
const fatalCodes: ReadonlySet<number> = new Set([
  sqlite.ioError,
  sqlite.corrupt,
  sqlite.cannotOpen,
  sqlite.notADatabase,
]);

/** Primary code of an error that SQLite raised, else undefined. */
function sqliteCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return undefined;
  return typeof thrown.errcode === 'number' ? thrown.errcode & 0xff : undefined;
}

/**
 * The one writer: runs a group of commands in one transaction and one synced commit. Synchronous; it is
 * hosted inline or in a thread of its own. After the first failed read, write or sync it refuses
 * everything, because what the disk then holds is unknown.
 */
export class SqliteEngine {
  readonly #connection: Connection;
  readonly #writing: Writing;
  #fatal: string | undefined;

  constructor(options: EngineOptions, connection = openWriter(options.path)) {
    this.#connection = connection;
    const documents = new Documents(this.#connection, KeyRing.parse(options.keys));
    this.#writing = new Writing(this.#connection, documents, options.institution);
    try {
      checkKeys(this.#writing);
      freeClaims(this.#writing);
      // What was erased just before a crash may still stand in the log.
      this.#writing.erased = true;
    } catch (thrown) {
      this.#connection.close();
      throw thrown;
    }
  }

  run(commands: readonly Command[]): GroupResult {
    const w = this.#writing;
    if (this.#fatal !== undefined) return this.#refuse(commands, this.#fatal);
    w.begin();
    try {
      this.#connection.run('BEGIN IMMEDIATE');
      failpoint('group-begun');
      const answers = commands.map((command, index) => {
        if (index === 1) failpoint('mid-group');
        return this.#answer(command);
      });
      w.writeCounters();
      failpoint('before-commit');
      this.#connection.run('COMMIT');
      failpoint('after-commit-before-reply');
      if (w.erased) this.#forgetLog();
      return {
        answers,
        hint: w.takeHint(),
        dropped: [...w.dropped],
        damaged: [...w.damaged],
        ...(this.#fatal !== undefined && { fatal: this.#fatal }),
      };
    } catch (thrown) {
      return this.#failGroup(commands, thrown);
    }
  }

  /**
   * What was erased still stands in the write-ahead log until that starts anew. A reader under way
   * prevents it; then the next commit tries again, so that no report holds up the writer.
   */
  #forgetLog(): void {
    failpoint('erased-before-log-cut');
    this.#connection.db.exec('PRAGMA busy_timeout = 0');
    try {
      const row = this.#connection.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      this.#writing.erased = row?.busy !== 0;
    } catch (thrown) {
      const code = sqliteCode(thrown);
      if (code !== undefined && fatalCodes.has(code))
        this.#fatal = 'The store failed at a checkpoint and stops.';
    } finally {
      this.#connection.db.exec('PRAGMA busy_timeout = 5000');
    }
  }

  /** Nothing of the group stays. A full disk passes; a failing one does not. */
  #failGroup(commands: readonly Command[], thrown: unknown): GroupResult {
    const code = sqliteCode(thrown);
    const message = thrown instanceof Error ? thrown.message : 'unknown';
    if (code !== undefined && fatalCodes.has(code)) {
      this.#fatal = `The store failed and stops: ${message}`;
      return this.#refuse(commands, this.#fatal);
    }
    try {
      if (this.#connection.db.isTransaction) this.#connection.run('ROLLBACK');
    } catch (cause) {
      this.#fatal = `The store cannot roll back and stops: ${cause instanceof Error ? cause.message : 'unknown'}`;
    }
    this.#writing.rolledBack();
    // The log gives its own room back with the next commit that finds any.
    if (code === sqlite.full) this.#writing.erased = true;
    return this.#refuse(commands, `The group was not committed: ${message}`);
  }

  #refuse(commands: readonly Command[], message: string): GroupResult {
    return {
      answers: commands.map(() => ({ error: { code: 'store_unavailable', message } })),
      hint: undefined,
      dropped: [],
      damaged: [],
      ...(this.#fatal !== undefined && { fatal: this.#fatal }),
    };
  }

  #answer(command: Command): Answer {
    try {
      return { value: this.#apply(command) };
    } catch (thrown) {
      // Errors of SQLite end the group; a fault of ours ends only the command.
      if (sqliteCode(thrown) !== undefined) throw thrown;
      const code: ErrorCode = codeOf(thrown) ?? 'internal';
      return { error: { code, message: thrown instanceof Error ? thrown.message : 'unknown' } };
    }
  }

  #apply(command: Command): Value {
    const w = this.#writing;
    switch (command.verb) {
      case 'accept':
        return this.#accept(command.entries);
      case 'claim':
        return w.item(() => claimWork(w, command.stage, command.options));
      case 'save':
        return command.saves.map((save) => this.#save(save));
      case 'settle':
        return command.settlements.map((work) => this.#save({ work, changes: [] }));
      case 'reserve':
        return w.item(() => reserveNumbers(w, command.prefix, command.year, command.count));
      case 'hold':
        return w.item(() => hold(w, command));
      case 'release':
        return w.item(() => release(w, command.account, command.holder));
      case 'rewrap':
        return w.item(() => rewrapSome(w, command));
    }
  }

  /** After a failed entry the cursor of its account stays: what it names has not been accepted. */
  #accept(entries: readonly PackedEntry[]): AnswerOf['accept'] {
    const w = this.#writing;
    const now = Date.now();
    const stuck = new Set<string>();
    return entries.map((entry) => {
      const { account } = entry.envelope;
      const outcome = this.#item(() => acceptEntry(w, entry, now, !stuck.has(account)));
      if (!(outcome instanceof Abort)) return outcome;
      stuck.add(account);
      return { result: 'failed', ...failure(outcome.outcome) };
    });
  }

  #save(save: PackedSave): SaveOutcome {
    const w = this.#writing;
    const now = Date.now();
    const { work } = save;
    const outcome = this.#item(() => {
      const row = work && checkToken(w, work);
      for (const change of save.changes) applyChange(w, change, now);
      if (work && row) this.#end(work, now);
    });
    const reached = w.takeReached();
    if (outcome instanceof Abort) return outcome.outcome;
    return reached ? { result: 'saved', reached } : { result: 'saved' };
  }

  #end(work: Settlement, now: number): void {
    endClaim(this.#writing, work, checkToken(this.#writing, work), now);
  }

  /** One item under its savepoint; what it was refused for comes back as an Abort. */
  #item<T>(work: () => T): T | Abort {
    try {
      return this.#writing.item(work);
    } catch (thrown) {
      if (thrown instanceof Abort) return thrown;
      const code = sqliteCode(thrown);
      if (code === sqlite.constraint) return new Abort({ result: 'exists', what: constrained(thrown) });
      if (code !== undefined) throw thrown;
      return new Abort({
        result: 'failed',
        code: codeOf(thrown) ?? 'internal',
        detail: thrown instanceof Error ? thrown.message : 'unknown',
      });
    }
  }

  close(): void {
    if (this.#fatal === undefined)
      this.#connection.db.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)');
    this.#connection.close();
  }
}

/** `UNIQUE constraint failed: notices.event_id, …` → `notices` */
const constrained = (thrown: unknown): string =>
  (thrown instanceof Error ? /failed: (\w+)/.exec(thrown.message)?.[1] : undefined) ?? 'row';
