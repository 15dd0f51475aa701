const tries = 5;
const lockMs = 3600_000;

/**
 * Guards the tracking page against guesses. Those at one number take turns, so that many at once are not
 * all judged before the first is counted. Wrong PINs for numbers that no record has are counted and
 * locked as the store does for a record: a lock that came for real numbers alone would tell which those
 * are. In memory and bounded; what was tried longest ago is forgotten first.
 */
export class PinLocks {
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #numbers = new Map<string, { wrong: number; lockedUntil: number }>();
  readonly #mostNumbers: number;

  constructor(mostNumbers = 50_000) {
    this.#mostNumbers = mostNumbers;
  }

  /** Runs `guess` after every earlier one at the same number. */
  async inTurn<T>(number: string, guess: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(number) ?? Promise.resolve();
    const turn = before.then(guess, guess);
    this.#turns.set(number, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(number) === turn) this.#turns.delete(number);
    }
  }

  isLocked(number: string, now: number): boolean {
    return (this.#numbers.get(number)?.lockedUntil ?? 0) > now;
  }

  wrong(number: string, now: number): void {
    const before = this.#numbers.get(number);
    this.#numbers.delete(number);
    const wrong = (before === undefined || before.lockedUntil > 0 ? 0 : before.wrong) + 1;
    this.#numbers.set(number, { wrong, lockedUntil: wrong >= tries ? now + lockMs : 0 });
    if (this.#numbers.size <= this.#mostNumbers) return;
    for (const oldest of this.#numbers.keys()) {
      this.#numbers.delete(oldest);
      return;
    }
  }
}
