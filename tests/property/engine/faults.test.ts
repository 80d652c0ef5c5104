/** Whatever goes wrong in the cluster: after it has ended, one more apply is enough. */
import { scenarios } from './arbitraries.ts';
import { describeScenarios } from './describe-scenarios.ts';

describeScenarios([
  { name: 'without trouble', scenarios: scenarios({ most: 3 }), runs: 200, seed: 401 },
  {
    name: 'faults of requests and tasks',
    scenarios: scenarios({ most: 2, faults: true }),
    runs: 400,
    seed: 402,
  },
  { name: 'people at work', scenarios: scenarios({ most: 2, deeds: true }), runs: 400, seed: 403 },
]);
