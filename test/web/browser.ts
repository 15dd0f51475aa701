import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { expect, it } from 'vitest';

const executablePath = '/usr/bin/chromium';
export const browserFound = existsSync(executablePath);

/** Debian's Chromium. The sandbox is off because CI runs as root in a container. */
export const launch = (): Promise<Browser> => chromium.launch({ executablePath, args: ['--no-sandbox'] });

/** Where the browser is missing the tests are skipped by name; where engines are required that is a failure. */
export function expectBrowser(): void {
  if (process.env.KAPI_REQUIRE_ENGINES !== '1') return;
  it(`finds Chromium at ${executablePath}`, () => {
    expect(browserFound).toBe(true);
  });
}
