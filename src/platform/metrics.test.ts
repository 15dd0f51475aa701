import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('counters, gauges and histograms are rendered with their labels', async () => {
  const metrics = createMetrics({ process: false });
  metrics.envelopes.add({ adapter: 'sms-twilio', account: 'sms-153', result: 'accepted' });
  metrics.envelopes.add({ adapter: 'sms-twilio', account: 'sms-153', result: 'accepted' }, 4);
  metrics.booksDifference.set({ unit: 'item' }, 0);
  metrics.requests.observe({ method: 'POST', route: '/v1/messages', status: '202' }, 0.004);
  const text = await metrics.render();
  expect(text).toContain('kapi_envelopes_total{adapter="sms-twilio",account="sms-153",result="accepted"} 5');
  expect(text).toContain('kapi_books_difference_units{unit="item"} 0');
  expect(text).toContain(
    'kapi_request_duration_seconds_bucket{le="0.005",method="POST",route="/v1/messages",status="202"} 1',
  );
});

test('gauges that are read are refreshed at each scrape, and one that fails does not hide the rest', async () => {
  const metrics = createMetrics({ process: false });
  let waiting = 0;
  metrics.onScrape(() => Promise.reject(new Error('store busy')));
  metrics.onScrape(() => {
    waiting += 7;
    metrics.backlog.set({ stage: 'notify' }, waiting);
  });
  await metrics.render();
  expect(await metrics.render()).toContain('kapi_backlog_rows{stage="notify"} 14');
});

test('the figures of the process carry our prefix, event loop lag among them', async () => {
  const text = await createMetrics().render();
  expect(text).toContain('kapi_nodejs_eventloop_lag');
  for (const name of text.matchAll(/^# TYPE (\S+)/gm)) expect(name[1]).toMatch(/^kapi_/);
});
