import { writeSync } from 'node:fs';
import { loadKeyRing } from '../../sealing/index.ts';
import { openSqliteStore } from './index.ts';

/** A process to be killed: accepts envelopes without end and prints each key once it is durable. */
const [dataDir = '', run = '', hosting] = process.argv.slice(2);
const store = await openSqliteStore({
  dataDir,
  keys: loadKeyRing(dataDir),
  hosting: hosting === 'inline' ? 'inline' : 'thread',
  institution: 'ornek',
  onFatal: () => {
    writeSync(1, 'fatal\n');
    process.exit(3);
  },
});
const body = Buffer.alloc(2000, 'çukur');
async function accept(key: string): Promise<void> {
  const [outcome] = await store.pipeline.accept([
    {
      envelope: {
        id: key,
        adapter: 'sms-twilio',
        account: 'sms',
        receivedAt: '2026-11-22T12:00:00+03:00',
        contentType: 'text/plain',
        headers: {},
        body,
      },
      key,
      contentHash: 'same',
    },
  ]);
  if (outcome?.result === 'accepted') writeSync(1, `${key}\n`);
}
for (let n = 0; ; n += 1)
  await Promise.all(
    [0, 1, 2, 3, 4].map((lane) => accept(`${run}-${n}-${lane}`).catch(() => writeSync(1, 'refused\n'))),
  );
