import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    conditions: ['@bridgework/source', 'node'],
    // Two copies of graphql in one process refuse each other's schemas; everything uses the CommonJS one.
    alias: { graphql: createRequire(import.meta.url).resolve('graphql') },
  },
  ssr: { resolve: { conditions: ['@bridgework/source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
