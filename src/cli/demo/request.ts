import { setTimeout as delay } from 'node:timers/promises';
import { TransientError } from '@kapi/contract';

const mostTries = 6;
const longestWaitSeconds = 30;

/**
 * One request, tried again for as long as the gateway says "later" (429, 503), after the time it names:
 * what any well-behaved sender does.
 * @throws TransientError `unavailable` where nothing answers, or it says "later" too often
 */
export async function request(url: URL, init: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await answerOf(url, init);
    if (response.status !== 429 && response.status !== 503) return response;
    if (attempt === mostTries) {
      throw new TransientError(
        'unavailable',
        `${url.pathname} answered ${response.status} ${attempt} times.`,
      );
    }
    const named = Number(response.headers.get('retry-after')) || 1;
    await response.body?.cancel();
    await delay(Math.min(named, longestWaitSeconds) * 1000);
  }
}

async function answerOf(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new TransientError('unavailable', `The gateway at ${url.origin} does not answer.`, { cause });
  }
}
