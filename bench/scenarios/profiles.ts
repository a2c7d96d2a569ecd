/** What it costs to build and sign a message, by profile: batched publishes as in `batched`, beside a profile that does neither. */
import type { Bench, Row, Scenario } from '../bench.ts';
import { measureThroughput } from '../throughput.ts';
import type { Throughput } from '../throughput.ts';
import { batchLoad } from './batched.ts';

const BUILT_IN = ['standard', 'baack', 'basekit', 'balkanid', 'baxcloud'];
/** The data as it came, without a signature. */
const UNSIGNED = 'unsigned';
const CONFIG = `profiles: {${UNSIGNED}: {payload: data, signature: null}}\n`;
/** Building and signing may take 15 % of what goes through without. */
const LEAST_SHARE = 0.85;

export const profiles: Scenario = {
  name: 'profiles',
  about: 'batched publishes by profile, beside one whose messages are neither built nor signed',
  // Seven servers.
  isLong: true,
  async run(bench) {
    // At both ends: the machine may change meanwhile.
    const first = await measure(bench, UNSIGNED, 'unsigned-1');
    const measured: { name: string; found: Throughput; bare: number }[] = [];
    for (const name of BUILT_IN) {
      const { result, bare } = await bench.beside(() => measure(bench, name, name));
      measured.push({ name, found: result, bare });
    }
    const last = await measure(bench, UNSIGNED, 'unsigned-2');
    const unsigned = (first.perSecond + last.perSecond) / 2;
    const standard = measured[0]?.found.perSecond ?? Number.NaN;

    const rows = measured.flatMap(({ name, found, bare }): Row[] => [
      { metric: name, measured: found.perSecond, unit: '/s', bare, target: null },
      {
        metric: `${name}, of ${UNSIGNED}`,
        measured: found.perSecond / unsigned,
        unit: '',
        bare: null,
        target: { atLeast: LEAST_SHARE },
      },
    ]);
    return {
      rows: [
        { metric: UNSIGNED, measured: unsigned, unit: '/s', bare: null, target: null },
        ...rows,
      ],
      notes: [
        `${UNSIGNED}: ${first.perSecond.toFixed(0)}/s at first, ${last.perSecond.toFixed(0)}/s at last`,
        ...measured.map(
          ({ name, found }) => `${name}: ${(found.perSecond / standard).toFixed(3)} of standard`,
        ),
      ],
      faults: [first, last, ...measured.map(({ found }) => found)].flatMap(({ faults }) => faults),
    };
  },
};

function measure(bench: Bench, profile: string, database: string): Promise<Throughput> {
  return measureThroughput(bench, batchLoad(bench.options), database, {
    config: CONFIG,
    destination: {
      profile,
      // Those that make one themselves need none.
      ...(profile === 'baack' ? { credentials: { secret: 'of the client’s choice' } } : {}),
    },
  });
}
