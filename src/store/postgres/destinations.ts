import { integer, type Row, text } from '../shared/rows.ts';
import { numberOf, type Queries } from './session.ts';

/**
 * Names and integer keys of destinations. They are made beside the transaction that needs one first, at
 * once and for all, so that no two wait for each other; a name that nobody uses does no harm.
 */
export class Destinations {
  readonly #queries: Queries;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  async load(): Promise<void> {
    for (const row of await this.#queries.all('SELECT did, name FROM destinations')) this.#know(row);
  }
  #know(row: Row): void {
    this.#ids.set(text(row, 'name'), integer(row, 'did'));
    this.#names.set(integer(row, 'did'), text(row, 'name'));
  }

  names(): readonly string[] {
    return [...this.#ids.keys()];
  }

  of(name: string): number | Promise<number> {
    return this.#ids.get(name) ?? this.#make(name);
  }
  async #make(name: string): Promise<number> {
    await this.#queries.all('INSERT INTO destinations (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
    const did = await numberOf(this.#queries, 'SELECT did AS n FROM destinations WHERE name = $1', [name]);
    this.#know({ name, did });
    return did;
  }

  /** Of a delivery at hand: some process has made its destination. */
  name(did: number): string {
    const name = this.#names.get(did);
    if (name === undefined) throw new Error('A delivery has no destination.');
    return name;
  }
}
