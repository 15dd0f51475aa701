import { defineConfig } from 'vitest/config';

/** CI reads the counts of a run from a file. */
const report = process.env.KAPI_TEST_REPORT;

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'adapters/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    ...(report !== undefined && { reporters: ['default', 'json'], outputFile: { json: report } }),
  },
});
