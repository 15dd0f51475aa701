/**
 * Gateways broken on purpose, one promise each, to show that the suite would see it. Each names the modules
 * that are replaced when it starts, and the file of this folder that stands for them: it wraps the real one
 * and breaks one thing. Nothing in `src` knows of it.
 */
export const sabotages = {
  /** Answers, moves the cursor on and marks the mail at once; commits a moment later. */
  'answers-before-commit': { 'src/store/sqlite/index.ts': 'answers-before-commit.ts' },
  /** Marks an event as delivered, then sends it. */
  'marks-before-send': { 'src/destinations/index.ts': 'marks-before-send.ts' },
  /** Sends a notice while `sending` is still on its way to the disk. */
  'sends-before-it-is-written': { 'src/store/sqlite/index.ts': 'sends-before-it-is-written.ts' },
  /** Answers 2xx though the disk is full. */
  'accepts-when-full': { 'src/store/sqlite/index.ts': 'accepts-when-full.ts' },
  /** Opens the store again after a failed sync and goes on. */
  'goes-on-after-failed-sync': { 'src/store/sqlite/engine.ts': 'goes-on-after-failed-sync.ts' },
  /** Knows repeats from a cache, not from a unique key. */
  'cache-for-keys': { 'src/store/sqlite/index.ts': 'cache-for-keys.ts' },
  /** Refuses without a time to come again, and keeps a mebibyte of every request. */
  'no-bounds': { 'src/http/index.ts': 'no-bounds.ts' },
  /** Takes 150 ms longer for every commit. */
  'slow-commits': { 'src/store/sqlite/index.ts': 'slow-commits.ts' },
  /** Stops without waiting for what is under way. */
  'stops-at-once': { 'src/http/index.ts': 'stops-at-once.ts' },
  /** Has no time-out for headers, bodies or readers. */
  'waits-for-ever': {
    'src/http/slow-peers.ts': 'waits-for-ever.ts',
    'src/http/index.ts': 'waits-for-headers.ts',
  },
  /** Throws away what it cannot read. */
  'drops-the-unreadable': { 'src/store/sqlite/index.ts': 'drops-the-unreadable.ts' },
  /** Logs, measures and repeats whatever it hears, and seals nothing. */
  'tells-everything': {
    'src/platform/log.ts': 'plain-log.ts',
    'src/sealing/seal.ts': 'no-seal.ts',
    'src/http/index.ts': 'tells-everything.ts',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type Sabotage = keyof typeof sabotages;
