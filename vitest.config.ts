import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

// Packages of ours are tested from their sources: nothing needs to be built first.
const conditions = ['@bridgework/source', 'node'];

export default defineConfig({
  resolve: {
    conditions,
    // Two copies of graphql in one process refuse each other's schemas; everything uses the CommonJS one.
    alias: { graphql: createRequire(import.meta.url).resolve('graphql') },
  },
  ssr: { resolve: { conditions } },
  // Where vitest runs the global set-up.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/check-every-answer.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Also on two cores: much of a test's time is waiting for databases and receivers.
    maxWorkers: 2,
    // Some promises are about a second, and a shared machine may stand still that long: there, what fails once is asked again.
    retry: process.env.CI === undefined ? 0 : 1,
  },
});
