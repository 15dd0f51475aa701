import { z } from 'zod';
import type { Door } from './door.ts';
import { byApi, bySms, insist, phoneOf, type Utterance } from './driver.ts';
import type { Run } from './gateway.ts';
import type { History } from './history.ts';
import { type Answer, call } from './http.ts';

const uploaded = z.object({ upload: z.string() });
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A photo first, then the message that names it; both again at whoever runs, until both are taken. */
export async function withPhoto(n: number, up: () => Promise<Run>, history: History): Promise<void> {
  for (;;) {
    const run = await up();
    let answer: Answer;
    try {
      answer = await call(run.url, {
        path: '/v1/uploads',
        headers: {
          authorization: `Bearer ${run.key}`,
          'content-type': 'image/png',
          'content-disposition': 'attachment; filename="cukur.png"',
        },
        // Bytes of its own, so that each is a new blob.
        body: Buffer.concat([png, Buffer.from(String(n))]),
      });
    } catch {
      await pause(20);
      continue;
    }
    if (answer.status >= 300) continue;
    const { upload } = uploaded.parse(JSON.parse(answer.body));
    await insist(byApi(n, 0, { attachments: [{ upload }] }), up, history);
    return;
  }
}

const reachable = (n: number): Utterance => byApi(n, 0, { citizen: { phone: phoneOf(n) } });
const emergency = (n: number): Utterance =>
  byApi(n, 0, { text: `Karşı apartmanda çatı yanıyor, duman var. [m:api-${n}]` });

/**
 * Four citizens who never stop: one on the API who can be written to, one by SMS, one with photos, one
 * who calls emergencies. Each message has a number of its own.
 */
export async function citizens(
  door: Door,
  history: History,
  stopped: () => boolean,
  told: (n: number) => void = () => undefined,
): Promise<void> {
  let said = 0;
  const speak = async (pauseMs: number, say: (n: number) => Promise<unknown>) => {
    while (!stopped()) {
      said += 1;
      told(said);
      await say(said);
      await pause(pauseMs);
    }
  };
  await Promise.all([
    speak(100, (n) => insist(reachable(n), door.up, history)),
    speak(100, (n) => insist(bySms(n), door.up, history)),
    speak(150, (n) => withPhoto(n, door.up, history)),
    speak(300, (n) => insist(emergency(n), door.up, history)),
  ]);
}
