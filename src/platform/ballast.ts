import { randomFillSync } from 'node:crypto';
import { rmSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@kapi/contract';
import type { Clock } from './clock.ts';

const mebibyte = 1024 * 1024;
/** It is laid down only where it is small beside what is free, and again once its own room and as much more is back. */
const firstTimes = 10;
const againTimes = 2;
/** A disk with less than this share of the ballast left is full: what was refused, was refused for that. */
const fullShare = 4;
const lookMs = 1_000;

export interface BallastOptions {
  readonly path: string;
  /** 0: none. */
  readonly bytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Free bytes of the file system, as this user may use them; for tests. */
  readonly free?: () => number;
}

/**
 * A file that holds nothing but room. When the disk is full it is emptied, so that what was taken in can
 * still be claimed, acknowledged and shown; while it is spent nothing new should be taken in. Emptied and
 * not deleted: a process that starts anew must know that this room is not for everybody.
 */
export interface Ballast {
  /** The room has been given up and is not back. */
  spent(): boolean;
  /** Says that a write was refused. Gives up the room where the disk is full. @returns whether it did */
  refused(): boolean;
  /** Lays the file down where there is room for it, and again when there is again; until the signal. */
  keep(signal: AbortSignal): Promise<void>;
  /** Told when it is spent, and when it lies there again. */
  watch(listener: (spent: boolean) => void): void;
}

export function createBallast(options: BallastOptions): Ballast {
  const { path, bytes, clock, log } = options;
  const { free = () => freeBytes(dirname(path)) } = options;
  const listeners: ((spent: boolean) => void)[] = [];
  // Half of one, left by a crash, is room that a start may need.
  rmSync(`${path}.new`, { force: true });
  let isSpent = bytes > 0 && sizeOf(path) === 0;

  function become(spent: boolean): void {
    isSpent = spent;
    for (const listener of listeners) listener(spent);
  }

  /** Written, not only made long, and with bytes that no file system can pack. */
  async function layDown(): Promise<void> {
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      const piece = randomFillSync(Buffer.allocUnsafe(mebibyte));
      for (let left = bytes; left > 0; )
        left -= (await file.write(piece, 0, Math.min(left, piece.length))).bytesWritten;
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  async function look(): Promise<void> {
    if (sizeOf(path) === bytes || free() < bytes * (isSpent ? againTimes : firstTimes)) return;
    try {
      await layDown();
      if (isSpent) become(false);
    } catch (error) {
      await rm(`${path}.new`, { force: true });
      log.warn({ error }, 'the ballast could not be laid down');
    }
  }

  return {
    spent: () => isSpent,
    refused() {
      if (isSpent || bytes === 0 || (sizeOf(path) ?? 0) === 0 || free() >= bytes / fullShare) return false;
      truncateSync(path);
      log.error({ bytes }, 'the disk is full: the ballast is spent and nothing new is taken in');
      become(true);
      return true;
    },
    async keep(signal) {
      if (bytes === 0) await rm(path, { force: true });
      while (bytes > 0 && !signal.aborted) {
        await look();
        await clock.sleep(lookMs, signal);
      }
    },
    watch(listener) {
      listeners.push(listener);
      if (isSpent) listener(true);
    },
  };
}

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
