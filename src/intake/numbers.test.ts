import { describe, expect, it } from 'vitest';
import { numberSource } from './numbers.ts';

function pipeline() {
  let next = 1;
  const asked: number[] = [];
  return {
    asked,
    pipeline: {
      reserveNumbers: async (_prefix: string, _year: number, count: number) => {
        asked.push(count);
        const first = next;
        next += count;
        return { first, count };
      },
    },
  };
}

describe('record numbers are taken from blocks', () => {
  it('each once, however many ask at the same time', async () => {
    const { pipeline: store, asked } = pipeline();
    const take = numberSource(store, 'SOK', 10);
    const numbers = await Promise.all(Array.from({ length: 95 }, async () => take(Date.UTC(2026, 5, 1))));
    expect(new Set(numbers).size).toBe(95);
    expect(asked.length).toBeLessThanOrEqual(12);
  });

  it('without waiting while a block lasts', async () => {
    const take = numberSource(pipeline().pipeline, 'SOK', 100);
    await take(Date.UTC(2026, 5, 1));
    expect(take(Date.UTC(2026, 5, 1))).toBeTypeOf('string');
  });

  it('by the year in Türkiye, whichever process clock says what', async () => {
    const take = numberSource(pipeline().pipeline, 'SOK', 10);
    expect(await take(Date.parse('2026-12-31T20:59:59Z'))).toMatch(/^SOK-26-/);
    expect(await take(Date.parse('2026-12-31T21:00:00Z'))).toMatch(/^SOK-27-/);
  });

  it('and one that was given back is the next, in its own year', async () => {
    const { pipeline: store, asked } = pipeline();
    const take = numberSource(store, 'SOK', 10);
    const [june, next] = [Date.UTC(2026, 5, 1), Date.UTC(2027, 5, 1)];
    const first = await take(june);
    for (let repeat = 0; repeat < 100; repeat += 1) {
      take.giveBack(first, june);
      expect(await take(next)).toMatch(/^SOK-27-/);
      expect(await take(june)).toBe(first);
    }
    expect(await take(june)).not.toBe(first);
    expect(asked.length).toBeLessThanOrEqual(13);
  });

  it('and asks again when the store did not answer once', async () => {
    const { pipeline: store } = pipeline();
    let failed = false;
    const flaky = {
      reserveNumbers: (...call: Parameters<typeof store.reserveNumbers>) => {
        if (failed) return store.reserveNumbers(...call);
        failed = true;
        return Promise.reject(new Error('busy'));
      },
    };
    const take = numberSource(flaky, 'SOK', 10);
    await expect(take(0)).rejects.toThrow('busy');
    expect(await take(0)).toMatch(/^SOK-70-0000001-\d$/);
  });
});
