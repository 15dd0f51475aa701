import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appliedEvent } from '@kapi/contract';
import { chromium } from 'playwright-core';
import { createApiClient } from '../../src/cli/api-client.ts';
import { compose } from '../../src/compose.ts';
import { root } from '../architecture/sources.ts';

// Takes the pictures of the README anew, of a gateway of its own: npm run pictures

const folder = await mkdtemp(join(tmpdir(), 'kapi-pictures-'));
const pictures = join(root, 'docs', 'images');
const gateway = await compose({
  KAPI_CONFIG: join(root, 'config'),
  KAPI_DATA: join(folder, 'data'),
  KAPI_PORT: '0',
  KAPI_LOG: 'silent',
  KAPI_PUBLIC_URL: 'https://basvuru.ornek-buyuksehir.example',
}).start();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  await mkdir(pictures, { recursive: true });
  const page = await browser.newPage({ viewport: { width: 760, height: 940 }, colorScheme: 'light' });
  await page.goto(gateway.url);
  await page.fill(
    '#text',
    'Okulun arkasındaki yolda üç haftadır kapatılmayan bir çukur var, çocuklar düşüyor.',
  );
  await page.selectOption('#applicationType', 'complaint');
  await page.selectOption('#district', 'Nilüfer');
  await page.fill('#neighbourhood', 'Görükle');
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
  await page.screenshot({ path: join(pictures, 'form.png') });

  await page.fill('#phone', '0580 000 00 01');
  // The form takes nothing that was filled in faster than a person could.
  await page.waitForTimeout(2_500);
  await Promise.all([page.waitForEvent('load'), page.click('form button[type=submit]')]);
  const number = (await page.textContent('.keep .code')) ?? '';

  const client = createApiClient(gateway.url, (await readFile(gateway.adminKey.path, 'utf8')).trim());
  const steps = [
    { event: 'accepted' },
    { event: 'in_progress', citizenText: 'Ekip yola çıktı, çukur bugün kapatılacak.' },
    {
      event: 'answered',
      outcome: 'positive',
      citizenText: 'Çukur kapatıldı. Haber verdiğiniz için teşekkür ederiz.',
    },
  ];
  for (const body of steps) {
    await client.call(`/v1/records/${number}/events`, appliedEvent, { method: 'POST', body });
  }
  await page.click('.actions a');
  await page.waitForSelector('.history');
  await page.screenshot({ path: join(pictures, 'tracking.png') });
  console.log(`form.png and tracking.png (${number}) are in ${pictures}`);
} finally {
  await browser.close();
  await gateway.stop();
  await rm(folder, { recursive: true, force: true });
}
