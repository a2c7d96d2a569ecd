/**
 * What it costs to build and sign a message, by profile, in two ways: batched publishes as in `batched`, beside a profile
 * that does neither; and building and signing alone, as a share of what the main thread spends on a delivery, which a
 * machine that has other work blurs less.
 */
import type { Bench, Row, Scenario } from '../bench.ts';
import { measureThroughput } from '../throughput.ts';
import type { Throughput } from '../throughput.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { signingMicroseconds } from '../signing.ts';
import { batchLoad } from './batched.ts';

const BUILT_IN = [standard, baack, basekit, balkanid, baxcloud];
/** The data as it came, without a signature. */
const UNSIGNED = 'unsigned';
const CONFIG = `profiles: {${UNSIGNED}: {payload: data, signature: null}}\n`;
/** Building and signing may take 15 % of what goes through without. */
const MOST_SHARE = 0.15;

export const profiles: Scenario = {
  name: 'profiles',
  about: 'batched publishes by profile, beside one whose messages are neither built nor signed',
  // Seven servers.
  isLong: true,
  async run(bench) {
    // At both ends: the machine may change meanwhile.
    const first = await measure(bench, UNSIGNED, 'unsigned-1');
    const measured: Measured[] = [];
    for (const profile of BUILT_IN) {
      const { name } = profile;
      const { result, bare } = await bench.beside(() => measure(bench, name, name));
      measured.push({
        name,
        found: result,
        bare,
        signing: signingMicroseconds(profile, bench.repetitions(10)),
      });
    }
    const last = await measure(bench, UNSIGNED, 'unsigned-2');
    const unsigned = (first.perSecond + last.perSecond) / 2;
    const ofStandard = measured[0]?.found.perSecond ?? Number.NaN;

    const rows = measured.flatMap(({ name, found, bare, signing }): Row[] => [
      { metric: name, measured: found.perSecond, unit: '/s', bare, target: null },
      {
        metric: `${name}, of ${UNSIGNED}`,
        measured: found.perSecond / unsigned,
        unit: '',
        bare: null,
        target: { atLeast: 1 - MOST_SHARE },
      },
      ...(Number.isNaN(found.mainMicroseconds)
        ? []
        : [
            {
              metric: `${name}, building and signing of the main thread`,
              measured: signing / found.mainMicroseconds,
              unit: '',
              bare: null,
              target: { atMost: MOST_SHARE },
            },
          ]),
    ]);
    return {
      rows: [
        { metric: UNSIGNED, measured: unsigned, unit: '/s', bare: null, target: null },
        ...rows,
      ],
      notes: [
        `${UNSIGNED}: ${first.perSecond.toFixed(0)}/s at first, ${last.perSecond.toFixed(0)}/s at last`,
        ...measured.map(
          ({ name, found, signing }) =>
            `${name}: ${(found.perSecond / ofStandard).toFixed(3)} of standard; building and signing ${signing.toFixed(1)} us of ${found.mainMicroseconds.toFixed(1)} us of the main thread a delivery`,
        ),
      ],
      faults: [first, last, ...measured.map(({ found }) => found)].flatMap(({ faults }) => faults),
    };
  },
};

interface Measured {
  readonly name: string;
  readonly found: Throughput;
  readonly bare: number;
  /** Microseconds. */
  readonly signing: number;
}

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
