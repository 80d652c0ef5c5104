import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'threads',
    maxWorkers: 3,
    // Modules keep nothing that one test could leave to the next; loading them once per worker saves a quarter of the time.
    isolate: false,
    // The built command line is loaded as Node.js loads it.
    server: { deps: { external: [/\/dist\//] } },
    // those that say so mostly wait: for shells, pauses, connections
    maxConcurrency: 12,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: ['src/schema/generated/**', 'src/schema/generator/**'],
    },
  },
});
export default config;
