import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Its modules stand in for those of @inquirer, so they are loaded for it alone. */
const mocked = 'tests/unit/prompts/**/*.test.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'threads',
    maxWorkers: 3,
    // The built command line is loaded as Node.js loads it.
    server: { deps: { external: [/\/dist\//] } },
    // those that say so mostly wait: for shells, pauses, connections
    maxConcurrency: 12,
    projects: [
      {
        // Modules keep nothing that one test could leave to the next; loading them once per worker saves a quarter of the time.
        extends: true,
        test: { name: 'shared', include: ['tests/**/*.test.ts'], exclude: [mocked], isolate: false },
      },
      { extends: true, test: { name: 'mocked', include: [mocked] } },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: ['src/schema/generated/**', 'src/schema/generator/**'],
    },
  },
});
export default config;
