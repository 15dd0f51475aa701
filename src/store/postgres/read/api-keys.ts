import type { ApiKey } from '@kapi/contract';

const mostKeys = 10_000;
/** Another process's revocation is told; should that get lost, a key is asked for again after this. */
const trustedMs = 2000;

/** Known API keys, remembered for a moment and until one is made or revoked: every request asks for one. */
export class ApiKeys {
  readonly #known = new Map<string, { readonly key: ApiKey; readonly at: number }>();

  async of(hash: string, find: () => Promise<ApiKey | undefined>): Promise<ApiKey | undefined> {
    const asked = performance.now();
    const known = this.#known.get(hash);
    if (known && asked - known.at < trustedMs) return known.key;
    const key = await find();
    if (key && (known || this.#known.size < mostKeys)) this.#known.set(hash, { key, at: asked });
    return key;
  }

  forget(): void {
    this.#known.clear();
  }
}
