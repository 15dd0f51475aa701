import { auditHash, auditStart } from '../../shared/audit-chain.ts';
import { bytes, integer } from '../../shared/rows.ts';
import type { Writing } from './writing.ts';

interface Entry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

/**
 * Rows for the audit chain, kept until the end of the transaction: each follows from the one before,
 * whoever wrote that, so all writers take turns from here to the commit.
 */
export class Audit {
  readonly #writing: Writing;
  readonly #entries: Entry[] = [];

  constructor(writing: Writing) {
    this.#writing = writing;
  }

  add(at: number, actor: string, action: string, subject: string, detail: string): void {
    this.#entries.push({ at, actor, action, subject, detail });
  }

  get length(): number {
    return this.#entries.length;
  }
  set length(length: number) {
    this.#entries.length = length;
  }

  async write(): Promise<void> {
    if (this.#entries.length === 0) return;
    const w = this.#writing;
    w.send('SELECT pg_advisory_xact_lock($1::int, 0)', [w.house.locks.audit]);
    const [last] = await w.all('SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1');
    let sequence = last ? integer(last, 'sequence') : 0;
    let before: Uint8Array = last ? bytes(last, 'hash') : auditStart;
    for (const entry of this.#entries.splice(0)) {
      sequence += 1;
      const hash = auditHash(before, { sequence, ...entry });
      w.send(
        'INSERT INTO audit (sequence, at, actor, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)',
        [sequence, entry.at, entry.actor, entry.action, entry.subject, entry.detail, hash],
      );
      before = hash;
    }
  }
}
