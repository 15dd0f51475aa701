import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { configurationReader } from '../../src/compose/configuration.ts';
import { open } from '../../src/compose/open.ts';
import { createLog, createScrubber } from '../../src/platform/index.ts';
import { adapterRegistry as registry } from '../../src/workers/adapter-registry.ts';

it('secrets that a reload brings stay out of the process log, and so do those of before', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'kapi-reload-'));
  const read = await configurationReader(resolve(import.meta.dirname, '../../config'), {}, registry);
  const shipped = read().config;
  if (!shipped) throw new Error('the shipped configuration is wrong');
  const written: string[] = [];
  const scrubber = createScrubber(['eski-gizli']);
  const log = createLog({ scrubber, write: (line) => written.push(line) });
  const opened = await open({
    dataFolder,
    sealingKeys: undefined,
    config: { ...shipped, secrets: ['eski-gizli'] },
    registry,
    log,
    hide: scrubber.hide,
    publicUrl: 'http://127.0.0.1',
    onFatal: () => undefined,
    ready: () => true,
    live: { resume: () => undefined, alarms: async () => [], acknowledge: async () => false },
  });
  try {
    await opened.adopt({ ...shipped, secrets: ['yeni-gizli'] });
    log.error('server: yeni-gizli eski-gizli');
    opened.log.error({ detail: 'yeni-gizli eski-gizli' }, 'house: yeni-gizli');
    expect(written).toHaveLength(2);
    expect(written.join('')).not.toMatch(/yeni-gizli|eski-gizli/);
  } finally {
    await opened.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
});
