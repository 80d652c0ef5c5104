/** Whenever a run is interrupted: running again gets there, and nothing is done twice. */
import { scenarios } from './arbitraries.ts';
import { describeScenarios } from './describe-scenarios.ts';

describeScenarios([
  { name: 'interrupted', scenarios: scenarios({ most: 2, interruption: true }), runs: 400, seed: 404 },
  {
    name: 'everything at once',
    scenarios: scenarios({ most: 2, faults: true, deeds: true, interruption: true }),
    runs: 400,
    seed: 405,
  },
]);
