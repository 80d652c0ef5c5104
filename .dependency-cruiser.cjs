/** The rings of the architecture and who may import whom; a broken rule fails `npm run check`. */
const ring = (name) => `^src/${name}/`;
/** @param {string} from @param {string[]} allowed @param {string[]} typesOnly */
const only = (from, allowed, typesOnly = []) => [
  {
    name: `${from}-may-import`,
    severity: 'error',
    comment: `${from} may import only itself, ${allowed.join(', ')}`,
    from: { path: ring(from) },
    to: { path: '^src/', pathNot: [from, ...allowed, ...typesOnly].map(ring) },
  },
  ...(typesOnly.length === 0
    ? []
    : [
        {
          name: `${from}-types-only`,
          severity: 'error',
          comment: `${from} may import only types from ${typesOnly.join(', ')}`,
          from: { path: ring(from) },
          to: { path: typesOnly.map(ring), dependencyTypesNot: ['type-only'] },
        },
      ]),
];
/** @param {string} name @param {string} pattern @param {string[]} allowedIn */
const packageOnlyIn = (name, pattern, allowedIn) => ({
  name: `${name}-only-in`,
  severity: 'error',
  comment: `${name} is imported only in ${allowedIn.join(', ')}`,
  from: { path: '^src/', pathNot: allowedIn },
  to: { path: pattern, dependencyTypesNot: ['type-only'] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...only('util', []),
    ...only('schema', ['util']),
    ...only('codec', ['util', 'schema']),
    ...only('domain', ['util', 'codec'], ['schema']),
    ...only('spec', ['util', 'domain'], ['schema']),
    ...only('api', ['util', 'schema', 'codec']),
    ...only('console', ['util', 'codec', 'api'], ['schema']),
    ...only('engine', ['util', 'codec', 'domain', 'spec', 'api', 'console'], ['schema']),
    ...only('render', ['util'], ['schema', 'domain', 'spec', 'api', 'engine', 'console']),
    ...only('prompts', ['util'], ['domain', 'spec', 'engine']),
    ...only('simulator', ['util', 'schema']),
    packageOnlyIn('axios', 'node_modules/axios', ['^src/api/axios-transport\\.ts$']),
    packageOnlyIn('ws', 'node_modules/ws/', ['^src/api/ws-websocket\\.ts$']),
    packageOnlyIn('yaml', 'node_modules/yaml', ['^src/spec/']),
    packageOnlyIn('zod', 'node_modules/zod', ['^src/spec/']),
    packageOnlyIn('csv-stringify', 'node_modules/csv-stringify', ['^src/render/csv\\.ts$']),
    packageOnlyIn('csv-parse', 'node_modules/csv-parse', ['^src/spec/roster-csv\\.ts$']),
    packageOnlyIn('msw', 'node_modules/msw', ['^src/simulator/(msw|server)\\.ts$']),
    packageOnlyIn('commander', 'node_modules/commander', ['^src/cli/(program|options)\\.ts$']),
    packageOnlyIn('inquirer', 'node_modules/@inquirer', ['^src/prompts/']),
    packageOnlyIn('selfsigned', 'node_modules/selfsigned', ['^src/simulator/certificate\\.ts$']),
    {
      name: 'pure-rings',
      severity: 'error',
      comment:
        'rings 0 and 1 do no I/O (schema/load.ts reads its own generated file; the generator is build-time)',
      from: { path: '^src/(util|schema|codec|domain|spec)/', pathNot: '^src/schema/(load\\.ts|generator/)' },
      to: { path: '^(node:)?(fs|fs/promises|http|https|net|tls|child_process|process|os)$' },
    },
    { name: 'src-not-to-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^tests/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
