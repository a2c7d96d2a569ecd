/** The bare loop for itself: what this machine and this receiver take. */
import type { Scenario } from '../bench.ts';

export const bare: Scenario = {
  name: 'bare',
  about: 'undici alone, sending the same message to the same receiver',
  async run(bench) {
    const perSecond = await bench.bareLoop();
    return {
      rows: [{ metric: 'bare loop', measured: perSecond, unit: '/s', bare: null, target: null }],
      notes: [],
      faults: [],
    };
  },
};
