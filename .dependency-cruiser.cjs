/**
 * Who may import whom; docs/decisions/0002-import-rules.md says why. One rule, one sentence.
 * @type {import('dependency-cruiser').IConfiguration}
 */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    forbid('no-cycles', 'A circle of files cannot be read from any end.', {}, { circular: true }),
    forbid(
      'no-undeclared',
      'What a package imports stands in its package.json.',
      { pathNot: '^test/' },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    forbid('no-unresolved', 'An import that leads nowhere is a mistake.', {}, { couldNotResolve: true }),
    forbid(
      'no-tests-in-production',
      'Production code never depends on a test.',
      { pathNot: '^test/' },
      { path: '^test/' },
    ),
    forbid(
      'schema-is-the-ground',
      'Contracts depend on nothing of ours.',
      { path: '^schema/src' },
      { path: '^(kernel|subgraphs|gateway|workers|launcher|cli)/' },
    ),
    forbid(
      'schema-without-io',
      'Contracts do no I/O: zod and graphql are all they need.',
      { path: '^schema/src' },
      { path: 'node_modules', pathNot: 'node_modules/(zod|graphql)/' },
    ),
    forbid(
      'kernel-knows-no-domain',
      'The shared base knows no domain.',
      { path: '^kernel/' },
      { path: '^(subgraphs|gateway|workers|launcher|cli)/' },
    ),
    forbid(
      'subgraphs-are-strangers',
      'Subgraphs meet only in the supergraph.',
      { path: '^subgraphs/(?!host/)([^/]+)/' },
      { path: '^subgraphs/', pathNot: '^subgraphs/$1/' },
    ),
    forbid(
      'subgraphs-stand-alone',
      'A subgraph knows neither gateway nor workers.',
      { path: '^subgraphs/' },
      { path: '^(gateway|workers|launcher)/' },
    ),
    forbid(
      'gateway-speaks-graphql',
      'The gateway reaches subgraphs through GraphQL alone.',
      { path: '^gateway/' },
      { path: '^(subgraphs|workers|launcher)/' },
    ),
    forbid(
      'gateway-has-no-database',
      'The gateway holds no database and no queue.',
      { path: '^gateway/' },
      { path: 'node_modules/(drizzle-orm|postgres|pg|bullmq)/' },
    ),
    forbid(
      'gateway-kernel-parts',
      'Of the kernel the gateway loads only what opens no database.',
      { path: '^gateway/' },
      {
        path: '^kernel/src/',
        pathNot:
          '^kernel/src/(config|context|errors|ids|money|masking|logger|lifecycle|signed-caller|scope-rules|integration-token|contract-files|control|metrics)',
      },
    ),
    forbid(
      'workers-use-public-surfaces',
      "Workers call a subgraph's index.ts and nothing behind it.",
      { path: '^workers/' },
      { path: '^subgraphs/(?!(appointment|billing|integration)/src/index\\.ts)' },
    ),
    forbid(
      'workers-stand-alone',
      'Workers know neither gateway nor launcher.',
      { path: '^workers/' },
      { path: '^(gateway|launcher)/' },
    ),
    forbid(
      'resolvers-without-sql',
      'Resolvers parse and delegate; only domain functions touch tables.',
      { path: 'src/resolvers\\.ts$' },
      { path: '(tables\\.ts$|node_modules/drizzle-orm/)' },
    ),
    forbid(
      'domain-without-transport',
      'A domain function does not know how it was called.',
      { path: '^subgraphs/(?!host/)[^/]+/src/[^/]+/' },
      { path: 'node_modules/(graphql|@apollo|bullmq)/|^(node:)?https?$' },
    ),
    forbid(
      'one-importer-of-bullmq',
      'The queue is one module of the kernel.',
      { pathNot: '^(kernel/src/jobs|test/)' },
      { path: 'node_modules/bullmq/' },
    ),
    forbid(
      'one-importer-of-shield',
      'graphql-shield is one module of the kernel.',
      { pathNot: '^(kernel/src/scope-rules|test/)' },
      { path: 'node_modules/graphql-(shield|middleware)/' },
    ),
    forbid(
      'one-importer-of-graphql-jit',
      'What graphql-jit does wrongly is known, and kept away from it, in one module.',
      { pathNot: '^subgraphs/host/src/compile-query' },
      { path: 'node_modules/graphql-jit/' },
    ),
    forbid(
      'one-importer-of-prom-client',
      'What a process counts is one module of the kernel.',
      { pathNot: '^kernel/src/metrics' },
      { path: 'node_modules/prom-client/' },
    ),
    forbid(
      'launcher-starts-processes',
      'The launcher starts processes; it does not call into them.',
      { path: '^launcher/' },
      { path: '^(subgraphs|gateway|workers)/' },
    ),
    forbid(
      'command-line-is-a-client',
      'The command line reaches the product through its front door alone.',
      { path: '^cli/src' },
      { path: '^(subgraphs|gateway|workers|launcher)/|^kernel/src/(?!config\\.ts)' },
    ),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?!node_modules/).*(^|/)(dist|\\.turbo)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@bridgework/source', 'import', 'node', 'default'],
    },
  },
};
