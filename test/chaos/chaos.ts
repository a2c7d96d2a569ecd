/** A run: three nodes over one PostgreSQL, a load, faults; then all is healed, and what must hold is checked. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Api } from '../support/e2e-api.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import * as checks from './checks.ts';
import type { Repeats } from './checks.ts';
import { Faults } from './faults.ts';
import { isAccepting } from './ledger.ts';
import type { Arrival, FaultWindow, Ledger, Records } from './ledger.ts';
import { API_KEY, findClockLibrary } from './nodes.ts';
import { KINDS, planFaults } from './plan.ts';
import type { FaultKind } from './plan.ts';
import { Publisher } from './publisher.ts';
import { countPending, readCounted, readRecords, readStuck } from './records.ts';
import type { Counted } from './records.ts';
import { startStage } from './stage.ts';
import type { Stage } from './stage.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** Of the load with faults; healing and checking come after it. */
  readonly seconds: number;
  /** Events a second. */
  readonly rate: number;
  readonly say: (line: string) => void;
  /** All by default. */
  readonly kinds?: readonly FaultKind[];
  /** Whether what was seen and the logs are kept also where nothing is wrong; no by default. */
  readonly keeps?: boolean;
}

export interface ChaosReport {
  readonly published: number;
  readonly accepted: number;
  readonly refusals: number;
  readonly unanswered: number;
  readonly knownBefore: number;
  readonly arrivals: number;
  readonly acceptedArrivals: number;
  readonly attempts: number;
  readonly repeats: Repeats;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly starts: number;
  /** From a 202 to each destination's first 200: of half of them, of 99 %, and of all, at most. */
  readonly lagsS: readonly [number, number, number];
  /** From the healing until nothing was owed any more. */
  readonly drainedAfterS: number;
  /** The longest time in which nothing came to any receiver. */
  readonly longestSilenceS: number;
  readonly violations: readonly string[];
  /** What was seen, and the logs; `null`: they were not kept. */
  readonly folder: string | null;
}

const PROGRESS_EVERY_MS = 10_000;
/** A lease, the look after it, and a query that hangs: what takes longer is stuck. */
const DRAIN_MS = 120_000;
const COUNTED_MS = 60_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, seconds, rate, say, kinds = KINDS, keeps = false } = options;
  const random = new SeededRandom(seed);
  const clockLibrary = findClockLibrary();
  if (clockLibrary === null)
    say('clocks are not moved: libfaketime is not installed (apt-get install faketime)');
  const possible = kinds.filter((kind) => kind !== 'clock' || clockLibrary !== null);
  const planned = planFaults(random.fork(), seconds * 1000, possible);

  let beganMs = performance.now();
  const nowMs = () => performance.now() - beganMs;
  const stage = await startStage({ random: random.fork(), nowMs, clockLibrary });
  const { members, receivers, ready } = stage;
  const publisher = new Publisher({ rate, random: random.fork(), nowMs, ready });
  const tell = (line: string) => say(`${clockOf(nowMs())} ${line}`);
  const faults = new Faults({ ...stage, nowMs, say: tell });
  say(`three nodes are ready; ${planned.length} faults in ${seconds} s, seed ${seed}`);
  const timer = setInterval(() => {
    const now = [...faults.underWay].join(', ');
    tell(
      `${publisher.accepted} accepted, ${receivers.arrivals.length} arrivals, ${ready().length} nodes ready; ${now || 'calm'}`,
    );
  }, PROGRESS_EVERY_MS);

  let keepsLogs = true;
  try {
    beganMs = performance.now();
    publisher.start();
    await Promise.all([faults.run(planned), pause(seconds * 1000)]);
    // What is to be tried again by a clock that was ahead need not be waited for.
    const offsetsS = planned.map(({ fault }) => (fault.kind === 'clock' ? fault.offsetS : 0));
    for (const { node } of members.values()) node.setClock(Math.max(0, ...offsetsS));
    tell('all is healed');
    const end = await healAndRead(stage, publisher, tell);
    const { records, counted } = end;
    const ledger = {
      events: publisher.events,
      arrivals: receivers.arrivals,
      commits: publisher.commits,
      faults: faults.windows,
    };
    const repeats = checks.repeats(ledger);
    const violations = [
      ...end.violations,
      ...publisher.surprises,
      ...checks.lost(ledger),
      ...checks.invented(ledger),
      ...checks.renamed(ledger),
      ...repeats.violations,
      ...checks.swapped(ledger),
      ...checks.misrecorded(ledger, records),
      ...checks.miscounted('usage', counted.usage, counted.attempts),
      ...checks.miscounted('metrics', counted.metrics, counted.rows),
    ];
    keepsLogs = keeps || violations.length > 0;
    if (keepsLogs) writeDown(stage.folder, ledger, violations);
    const { accepted, refusals, unanswered, knownBefore } = publisher;
    return {
      published: publisher.events.size,
      accepted,
      refusals,
      unanswered,
      knownBefore,
      arrivals: receivers.arrivals.length,
      acceptedArrivals: receivers.arrivals.filter(isAccepting).length,
      attempts: records.attempts.length,
      repeats,
      faults: countKinds(faults.windows),
      starts: [...members.values()].reduce((sum, { node }) => sum + node.starts, 0),
      lagsS: lagsOf(ledger),
      drainedAfterS: end.drainedAfterS,
      longestSilenceS: longestSilence(receivers.arrivals, seconds * 1000) / 1000,
      violations,
      folder: keepsLogs ? stage.folder : null,
    };
  } finally {
    clearInterval(timer);
    await stage.close({ keepsLogs });
  }
}

interface End {
  readonly records: Records;
  readonly counted: Counted;
  readonly drainedAfterS: number;
  readonly violations: readonly string[];
}

/** Waits until nothing is owed and all is counted, ends the nodes in good order, and reads what they have left. */
async function healAndRead(
  { folder, database, members, ready, allReady }: Stage,
  publisher: Publisher,
  tell: (line: string) => void,
): Promise<End> {
  const violations: string[] = [];
  const inTime = async (what: string, work: Promise<void>) => {
    const isDone = await work.then(
      () => true,
      () => false,
    );
    if (isDone) tell(what);
    else violations.push(`not in time: ${what}`);
  };
  const healedMs = performance.now();
  await inTime('all nodes are ready', allReady());
  const giveUp = pause(DRAIN_MS, undefined, { ref: false }).then(() => {
    throw new Error('some events are still not accepted');
  });
  await inTime('all publishes are answered', Promise.race([publisher.stop(), giveUp]));
  giveUp.catch(() => undefined);

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('SET search_path = chaos');
  const isDrained = async () => (await countPending(client)) === 0;
  await inTime('nothing is pending', untilTrue('the deliveries', isDrained, DRAIN_MS));
  const drainedAfterS = (performance.now() - healedMs) / 1000;
  if (!(await isDrained()))
    writeFileSync(join(folder, 'stuck.json'), JSON.stringify(await readStuck(client), null, 2));

  const api = new Api(ready()[0]?.url ?? '', API_KEY);
  const counted = await untilCounted(client, api);
  api.close();
  for (const { node } of members.values()) {
    const code = await node.stop();
    if (code !== 0) violations.push(`node ${node.name} did not end in good order: ${code}`);
    violations.push(...node.ends);
  }
  const records = await readRecords(client);
  await client.end();
  return { records, counted, drainedAfterS, violations };
}

/** When counting has caught up, or should have. */
async function untilCounted(client: pg.Client, api: Api): Promise<Counted> {
  const isDone = ({ usage, attempts, metrics, rows }: Counted) =>
    checks.miscounted('', usage, attempts).length === 0 &&
    checks.miscounted('', metrics, rows).length === 0;
  let counted = await readCounted(client, api);
  const endMs = performance.now() + COUNTED_MS;
  while (!isDone(counted) && performance.now() < endMs) {
    await pause(500);
    counted = await readCounted(client, api);
  }
  return counted;
}

/** To look at: what was seen, line by line, beside the logs. */
function writeDown(folder: string, ledger: Ledger, violations: readonly string[]): void {
  const lines = (rows: Iterable<unknown>) =>
    [...rows].map((row) => `${JSON.stringify(row)}\n`).join('');
  writeFileSync(join(folder, 'violations.txt'), violations.map((each) => `${each}\n`).join(''));
  writeFileSync(join(folder, 'events.ndjson'), lines(ledger.events.values()));
  writeFileSync(join(folder, 'arrivals.ndjson'), lines(ledger.arrivals));
  writeFileSync(join(folder, 'faults.ndjson'), lines(ledger.faults));
}

function lagsOf({ events, arrivals }: Ledger): [number, number, number] {
  const first = new Map<string, number>();
  for (const { destination, n, answeredAtMs } of arrivals.filter(isAccepting)) {
    const acceptedAtMs = events.get(n)?.acceptedAtMs;
    if (typeof acceptedAtMs !== 'number' || first.has(`${destination} ${n}`)) continue;
    first.set(`${destination} ${n}`, Math.max(0, answeredAtMs - acceptedAtMs));
  }
  const sorted = [...first.values()].toSorted((one, other) => one - other);
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0) / 1000;
  return [at(0.5), at(0.99), at(1)];
}

/** While the load lasted. */
function longestSilence(arrivals: readonly Arrival[], untilMs: number): number {
  let longest = 0;
  let beforeMs = 0;
  for (const { answeredAtMs } of arrivals) {
    if (answeredAtMs > untilMs) break;
    longest = Math.max(longest, answeredAtMs - beforeMs);
    beforeMs = answeredAtMs;
  }
  return longest;
}

function countKinds(windows: readonly FaultWindow[]): Map<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { kind } of windows) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function clockOf(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
