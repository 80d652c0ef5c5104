/** Moves, copies, HA and firewalls under the same conditions: whatever goes wrong on the way, they arrive. */
import { scenarios } from './arbitraries.ts';
import { describeScenarios } from './describe-scenarios.ts';

const places = { most: 3, places: true };

describeScenarios([
  { name: 'places without trouble', scenarios: scenarios(places), runs: 40, seed: 411 },
  { name: 'places and faults', scenarios: scenarios({ ...places, faults: true }), runs: 110, seed: 412 },
  {
    name: 'places, people and interruptions',
    scenarios: scenarios({ ...places, faults: true, deeds: true, interruption: true }),
    runs: 110,
    seed: 413,
  },
]);
