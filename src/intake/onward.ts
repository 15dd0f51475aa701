/**
 * Wall time that never goes back and never stands still: what was due stays due when the machine's
 * clock is set back, and a wait is as long as it was meant. After a leap forward it stays ahead.
 */
export function onward(wall: () => number, monotonic: () => number): () => number {
  let seenAt = monotonic();
  let time = wall();
  return () => {
    const now = monotonic();
    time = Math.max(time + (now - seenAt), wall());
    seenAt = now;
    return Math.floor(time);
  };
}
