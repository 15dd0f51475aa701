interface Bucket {
  tokens: number;
  at: number;
}

/** Token buckets by name, in a bounded map: `perSecond` refill up to `burst`. Times are monotonic milliseconds. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perMs: number;
  readonly #burst: number;
  readonly #maxNames: number;

  constructor(perSecond: number, burst: number, maxNames = 50_000) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#maxNames = maxNames;
  }

  /** Takes one token: 0, or after how many milliseconds there will be one. */
  take(name: string, now: number): number {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#maxNames) this.#forget();
      bucket = { tokens: this.#burst, at: now };
      this.#buckets.set(name, bucket);
    } else {
      bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) * this.#perMs);
      bucket.at = now;
    }
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#perMs);
    bucket.tokens -= 1;
    return 0;
  }

  /** The oldest tenth: forgetting one only refills it. */
  #forget(): void {
    let count = Math.ceil(this.#maxNames / 10);
    for (const name of this.#buckets.keys()) {
      if (count-- === 0) return;
      this.#buckets.delete(name);
    }
  }
}

/** One house or phone is one address: IPv6 counts by its /64. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail = ''] = address.split('::');
  const front = head.split(':').filter((group) => group !== '');
  const back = address.includes('::') ? tail.split(':').filter((group) => group !== '') : [];
  const groups = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
