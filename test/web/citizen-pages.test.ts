import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AxeResults } from 'axe-core';
import axe from 'axe-core';
import type { FastifyInstance } from 'fastify';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, noon, servePages } from '../../src/web/citizen/testing-pages.ts';
import { browserFound, expectBrowser, launch } from './browser.ts';

expectBrowser();

describe.skipIf(!browserFound)(
  'citizen pages in Chromium (skipped where /usr/bin/chromium is missing)',
  () => {
    let browser: Browser;
    let app: FastifyInstance;
    let gateway: FakeGateway;
    let origin: string;
    let folder: string;

    beforeAll(async () => {
      browser = await launch();
      folder = await mkdtemp(path.join(tmpdir(), 'kapi-web-'));
      await writeFile(path.join(folder, 'çöp.jpg'), Buffer.alloc(400_000, 1));
      await writeFile(path.join(folder, 'çöp 2.jpg'), Buffer.alloc(10, 2));
    });
    afterAll(async () => {
      await browser.close();
      await rm(folder, { recursive: true });
    });
    beforeEach(async () => {
      // Every look at the clock is five seconds later: nobody here fills a form too fast.
      let looks = 0;
      ({ app, gateway } = await servePages({ now: () => noon + 5000 * looks++ }));
      origin = await app.listen({ port: 0, host: '127.0.0.1' });
    });
    afterEach(() => app.close());

    /** Runs `visit` in a fresh browser window, which may load from nowhere but the gateway and complain of nothing. */
    async function withPage(options: BrowserContextOptions, visit: (page: Page) => Promise<void>) {
      const context = await browser.newContext({ viewport: { width: 320, height: 640 }, ...options });
      try {
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on('request', (request) => {
          if (!request.url().startsWith(origin)) complaints.push(`foreign request ${request.url()}`);
        });
        page.on('pageerror', (error) => complaints.push(error.message));
        page.on('console', (message) => {
          const refused = /status of 4(04|22|23)/.test(message.text());
          if (message.type() === 'error' && !refused) complaints.push(message.text());
        });
        await visit(page);
        expect(complaints).toEqual([]);
        expect(await context.cookies()).toEqual([]);
      } finally {
        await context.close();
      }
    }

    async function violations(page: Page, options: string) {
      const found: AxeResults = await page.evaluate(`axe.run(document, ${options})`);
      expect(found.passes.map(({ id }) => id)).toContain('color-contrast');
      return found.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
    }

    async function expectAccessible(page: Page): Promise<void> {
      await page.evaluate(axe.source);
      expect(await violations(page, "{ rules: { 'target-size': { enabled: true } } }")).toEqual([]);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(page.viewportSize()?.width ?? 0);
    }

    const send = (page: Page) =>
      Promise.all([page.waitForEvent('load'), page.click('form button[type=submit]')]);
    const askFor = async (page: Page, number: string, pin: string) => {
      await page.fill('#number', number);
      await page.fill('#pin', pin);
      await send(page);
    };

    const states: readonly (readonly [
      state: string,
      reach: (page: Page, base: string) => Promise<void>,
      shows: string,
    ])[] = [
      ['empty form', async (page, base) => void (await page.goto(base)), 'form textarea'],
      [
        'form with errors',
        async (page, base) => {
          await page.goto(base);
          await page.fill('#name', 'y'.repeat(201));
          await page.setInputFiles('#files', {
            name: 'a.exe',
            mimeType: 'image/png',
            buffer: Buffer.from('MZ'),
          });
          await send(page);
        },
        '.mistakes a[href="#name"]',
      ],
      [
        'answer',
        async (page, base) => {
          await page.goto(base);
          await page.fill('#text', 'cukur var');
          await send(page);
        },
        '.keep .code',
      ],
      ['tracking form', async (page, base) => void (await page.goto(`${base}/takip`)), '#pin'],
      [
        'tracking form with errors',
        async (page, base) => {
          await page.goto(`${base}/takip`);
          await askFor(page, 'SOK', '1');
        },
        '.mistakes a[href="#pin"]',
      ],
      [
        'wrong PIN',
        async (page, base) => {
          await page.goto(`${base}/takip`);
          await askFor(page, 'SOK-26-0000001-4', '000000');
        },
        '.mistakes li',
      ],
      [
        'locked',
        async (page, base) => {
          for (let attempt = 0; attempt < 5; attempt += 1) {
            await gateway.records.track('SOK-26-0000001-4', '000000').catch(() => undefined);
          }
          await page.goto(`${base}/takip`);
          await askFor(page, 'SOK-26-0000001-4', '402913');
        },
        '.mistakes li',
      ],
      ['status', async (page, base) => void (await page.goto(`${base}/takip/token-1`)), '.history .said'],
      ['not found', async (page, base) => void (await page.goto(`${base}/takip/nope`)), 'main .button'],
      ['KVKK notice', async (page, base) => void (await page.goto(`${base}/kvkk`)), '.document h1'],
      [
        'accessibility',
        async (page, base) => void (await page.goto(`${base}/erisilebilirlik`)),
        '.document h1',
      ],
    ];
    it.each(
      states.flatMap((state) => (['tr', 'en'] as const).map((language) => [...state, language] as const)),
    )(
      'are without an axe violation, light and dark, and without sideways scrolling at 320 px: %s',
      async (_state, reach, shows, language) => {
        await withPage({ colorScheme: 'light', reducedMotion: 'reduce' }, async (page) => {
          await reach(page, language === 'tr' ? origin : `${origin}/en`);
          expect(await page.locator(shows).first().isVisible()).toBe(true);
          expect(await page.getAttribute('html', 'lang')).toBe(language);
          await expectAccessible(page);
          await page.emulateMedia({ colorScheme: 'dark' });
          expect(await violations(page, "{ runOnly: ['color-contrast'] }")).toEqual([]);
        });
      },
    );

    it('are accessible on a wide screen too', async () => {
      await withPage({ viewport: { width: 1280, height: 900 } }, async (page) => {
        await page.goto(origin);
        await expectAccessible(page);
      });
    });

    it('take a message with photos and show its status without any script', async () => {
      await withPage({ javaScriptEnabled: false }, async (page) => {
        await page.goto(origin);
        expect(await page.locator('[data-locate-add]').isVisible()).toBe(false);
        await page.fill('#text', 'NILUFER IHSANIYE ARAS SK COP ALINMIYOR');
        await page.selectOption('#applicationType', 'complaint');
        await page.selectOption('#district', 'Nilüfer');
        await page.fill('#phone', '05320000000');
        await page.setInputFiles('#files', [path.join(folder, 'çöp.jpg'), path.join(folder, 'çöp 2.jpg')]);
        await send(page);
        expect(await page.textContent('.keep .code')).toBe('SOK-26-0000001-4');
        expect(gateway.uploads.map(({ name, bytes }) => [name, bytes])).toEqual([
          ['çöp.jpg', 400_000],
          ['çöp 2.jpg', 10],
        ]);
        expect(gateway.submissions).toMatchObject([
          {
            text: 'NILUFER IHSANIYE ARAS SK COP ALINMIYOR',
            applicationType: 'complaint',
            place: { district: 'Nilüfer', province: 'Bursa' },
            citizen: { phone: '05320000000' },
            attachments: [{ upload: 'up_1' }, { upload: 'up_2' }],
          },
        ]);
        await page.reload();
        expect(await page.textContent('.keep .code')).toBe('SOK-26-0000001-4');
        expect(gateway.submissions).toHaveLength(1);
        await page.goto(`${origin}/takip`);
        await askFor(page, 'sok 26 0000001 4', '402913');
        expect(await page.textContent('.status')).toBe('İlgili birime iletildi');
      });
    });

    it('ask an anonymous citizen for no name, even without scripts', async () => {
      await withPage({ javaScriptEnabled: false }, async (page) => {
        await page.goto(origin);
        expect(await page.locator('#name').isVisible()).toBe(true);
        await page.check('#anonymity-anonymous');
        expect(await page.locator('#name').isVisible()).toBe(false);
      });
    });

    it('can be used with the keyboard alone', async () => {
      await withPage({}, async (page) => {
        const focused = () =>
          page.evaluate<string>('document.activeElement.id || document.activeElement.className');
        const tabTo = async (id: string) => {
          for (let presses = 0; presses < 40 && (await focused()) !== id; presses += 1)
            await page.keyboard.press('Tab');
          expect(await focused()).toBe(id);
        };
        await page.goto(origin);
        await page.keyboard.press('Tab');
        expect(await focused()).toBe('skip');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        expect(await focused()).toBe('text');
        await tabTo('primary');
        await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
        expect(await focused()).toBe('mistakes');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        expect(await focused()).toBe('text');
        await page.keyboard.type('Kaldırımda rampa yok');
        await tabTo('anonymity-open');
        await page.keyboard.press('ArrowDown');
        await tabTo('primary');
        await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
        expect(await focused()).toBe('done');
        expect(gateway.submissions).toMatchObject([
          { text: 'Kaldırımda rampa yok', anonymity: 'confidential' },
        ]);
      });
    });

    it('show where the focus is', async () => {
      await withPage({}, async (page) => {
        await page.goto(origin);
        await page.keyboard.press('Tab');
        for (let presses = 0; presses < 18; presses += 1) {
          await page.keyboard.press('Tab');
          const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineWidth');
          expect(outline).toBe('3px');
        }
      });
    });

    it('add and remove the place of the device', async () => {
      const place = { latitude: 40.2138, longitude: 28.9876, accuracy: 17 };
      await withPage({ geolocation: place, permissions: ['geolocation'] }, async (page) => {
        await page.goto(origin);
        await page.fill('#text', 'cukur');
        await page.click('[data-locate-add]');
        await page.locator('[data-locate-remove]').waitFor();
        expect(await page.textContent('[data-locate-status]')).toContain('17');
        await page.click('[data-locate-remove]');
        expect(await page.inputValue('input[name=lat]')).toBe('');
        await page.click('[data-locate-add]');
        await page.locator('[data-locate-remove]').waitFor();
        await send(page);
        expect(gateway.submissions).toMatchObject([{ place: { lat: 40.2138, lon: 28.9876, accuracyM: 17 } }]);
      });
    });

    it('say that a file is too large before it travels', async () => {
      await withPage({}, async (page) => {
        await page.goto(origin);
        await page.fill('#text', 'x');
        await page.setInputFiles('#files', {
          name: 'uzun.mp4',
          mimeType: 'video/mp4',
          buffer: Buffer.alloc(2 ** 20 + 1),
        });
        expect(await page.textContent('[data-files-problem]')).toContain('«uzun.mp4» çok büyük');
        await page.click('form button[type=submit]');
        expect(await page.evaluate('document.activeElement.id')).toBe('files');
        expect(gateway.submissions).toEqual([]);
        await page.setInputFiles('#files', []);
        await send(page);
        expect(gateway.submissions).toHaveLength(1);
      });
    });

    it('send once, however often an impatient citizen presses', async () => {
      await withPage({}, async (page) => {
        await page.goto(origin);
        await page.fill('#text', 'x');
        const sendings = await page.evaluate(`(() => {
          let sendings = 0;
          const form = document.querySelector('form');
          form.addEventListener('submit', (event) => {
            if (!event.defaultPrevented) sendings += 1;
            event.preventDefault();
          });
          for (let press = 0; press < 3; press += 1) form.querySelector('[type=submit]').click();
          return sendings;
        })()`);
        expect(sendings).toBe(1);
      });
    });

    it('print without menus and buttons', async () => {
      await withPage({}, async (page) => {
        await page.goto(`${origin}/takip/token-1`);
        await page.emulateMedia({ media: 'print' });
        expect(await page.locator('header nav').isVisible()).toBe(false);
        expect(await page.locator('[data-print]').isVisible()).toBe(false);
        expect(await page.locator('.facts').isVisible()).toBe(true);
      });
    });
  },
);
