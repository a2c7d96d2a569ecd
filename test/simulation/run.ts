/** One world from its seed to its end. */
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import { settled } from '../support/simulated-clock.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import { HEALTHY } from '../support/simulated-receivers.ts';
import { Actor } from './actor.ts';
import type { ExpectedSchedule } from './expected-schedule.ts';
import { furtherRandom } from './further.ts';
import { describe } from './ledger.ts';
import type { DeliveryState } from './ledger-state.ts';
import { isSuperseded } from './policy-watch.ts';
import { scenarioOf } from './scenario.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Every step, for the one who looks for the cause. */
  readonly lines: readonly string[];
  /** How often each thing happened. */
  readonly seen: ReadonlyMap<string, number>;
}

/** By then all schedules are over, also those that a clock that was set back holds up. */
const MAX_ENDING_MS = 100 * 60 * 60 * 1000;

/** `lookedFor`: see `WorldOptions`. */
export async function run(
  seed: number,
  isTracing = false,
  lookedFor: string | null = null,
): Promise<RunResult> {
  const more = furtherRandom(seed);
  const scenario = scenarioOf(new SeededRandom(seed), more);
  const world = new World({ seed, isTracing, lookedFor, ...scenario });
  world.findings.note(`seed ${seed}: ${JSON.stringify(scenario)}`);
  const actor = new Actor(world, scenario, more);
  const { violations } = world.findings;
  await actor.begin();
  for (let step = 0; step < scenario.steps && violations.length === 0; step++) await actor.step();
  if (violations.length === 0) await end(world);
  if (violations.length === 0) check(world);
  await world.close();
  return {
    seed,
    violations,
    lines: world.findings.lines,
    seen: world.findings.seen,
  };
}

/** All is well again, save some receivers: everything that is owed comes to its end. */
async function end(world: World): Promise<void> {
  const { clock, findings, random, ledger, callers } = world;
  findings.note('the end: everything heals');
  world.endFate();
  if (world.isStopping) await clock.advanceUntil(() => !world.isRunning, 60_000);
  world.heal();
  let isDead = false;
  for (const receiver of world.receivers.all()) {
    isDead ||= receiver.underWay > 0;
    // Those that hang take too long over their schedules, and so do those whose schedule is their profile's.
    const isShort = ledger.destinationOf(receiver.name)?.schedules.every(isWithinAnHour) ?? true;
    const { kind } = receiver.behaviour;
    const mayStay = isShort && (kind === 'status' || kind === 'refusing');
    if (!mayStay || random.chance(0.6)) world.behave(receiver.name, HEALTHY);
  }
  // Only its end frees a process of those that never answer.
  if (isDead) world.crash();
  for (let tries = 0; world.process === null && tries < 5; tries++) {
    world.boot();
    await clock.advanceUntil(() => world.process !== null, 10_000);
  }
  await world.pass(200);
  const isOver = () =>
    ledger.pendingCount === 0 &&
    callers.isIdle &&
    world.process?.engine.dispatcher.inMemory === 0 &&
    world.replays().open === 0;
  for (let passedMs = 0; passedMs < MAX_ENDING_MS && !isOver(); passedMs += 10_000) {
    // One that had begun before all was well may still have ended.
    if (!world.isRunning) world.boot();
    await clock.advanceUntil(isOver, 10_000);
    world.look();
    world.letGo(() => true);
    enableAll(world);
    if (world.replays().open > 0) callers.changeReplay(world, 'resume');
    if (findings.violations.length > 0) return;
  }
  await world.pass(100);
  await settled();
}

function isWithinAnHour({ delaysMs }: ExpectedSchedule): boolean {
  return delaysMs.reduce((sumMs, delayMs) => sumMs + delayMs, 0) <= 3_600_000;
}

/** What is kept for destinations that are disabled goes out. */
function enableAll({ process, ledger }: World): void {
  if (process === null) return;
  for (const { tenantId, id, isHeld, isDeleted, isEnabled } of ledger.destinations())
    if (isHeld && isEnabled && !isDeleted)
      changeDestination(process.engine, { tenantId, id }, { disabledAtMs: null }).catch(() => {});
}

function check(world: World): void {
  const { findings, ledger, callers } = world;
  const dispatcher = world.process?.engine.dispatcher;
  if (dispatcher === undefined) findings.violate('no process runs at the end');
  else if (dispatcher.inFlight !== 0 || dispatcher.inMemory !== 0)
    findings.violate(
      `${dispatcher.inFlight} in flight and ${dispatcher.inMemory} in memory at the end`,
    );
  if (callers.underWay > 0) findings.violate(`${callers.underWay} publishes were never answered`);
  const stored = world.storedAttempts();
  for (const [key, delivery] of ledger.deliveries) {
    const problem = problemAtEnd(delivery, stored.get(key));
    if (problem !== null) findings.violate(`${describe(delivery)} ${problem}`);
  }
  const { open, counted } = world.replays();
  if (open > 0) findings.violate('a replay does not come to its end');
  if (counted !== ledger.replayed && !world.hasForgotten)
    findings.violate(`replays made ${ledger.replayed} due, and counted ${counted}`);
  callers.checkRetries();
  callers.checkOrder();
}

function problemAtEnd(
  delivery: DeliveryState,
  stored: { count: number; first: number; last: number } | undefined,
): string | null {
  const { row, requests, lost, unrecorded, destination, retriesByHand, lastRecorded } = delivery;
  const hasLast = (kind: 'delivered' | 'failed') => lastRecorded?.outcome?.kind === kind;
  if (row.status === 'pending') return `is pending at the end: ${JSON.stringify(row)}`;
  if (row.status === 'delivered' && !hasLast('delivered')) return 'is delivered, and nobody got it';
  if (row.status === 'failed' && !hasLast('failed')) return 'is failed, and did not fail';
  const isCanceled =
    destination.wasTakenAway || delivery.wasCanceledByHand || delivery.wasHeldTooLong;
  if (row.status === 'canceled' && !isCanceled && !isSuperseded(delivery))
    return 'is canceled by nobody';
  if (unrecorded.length > 0) return 'has an outcome that was never written';
  if (requests.length !== row.attempts + lost)
    return `was sent ${requests.length} times, with ${row.attempts} attempts recorded and ${lost} lost`;
  const longest = Math.max(...destination.schedules.map(({ delaysMs }) => delaysMs.length));
  if (row.attempts > 1 + longest + retriesByHand)
    return `has ${row.attempts} attempts, more than its schedule`;
  if (
    (stored?.count ?? 0) !== row.attempts ||
    (stored !== undefined && (stored.first !== 1 || stored.last !== stored.count))
  )
    return `has attempts ${JSON.stringify(stored)}, and counts ${row.attempts}`;
  return null;
}

/** What is told of a world in which something is wrong: that, and the command that plays it again with all that happens. */
export function failureOf(
  { seed, violations }: Pick<RunResult, 'seed' | 'violations'>,
  lookedFor: string | null = null,
): string {
  const find = lookedFor === null ? '' : ` --find '${lookedFor}'`;
  return [
    `seed ${seed}: ${violations.slice(0, MAX_TOLD).join('\n  ')}`,
    `  again: npm run simulate -- --seed ${seed}${find}`,
  ].join('\n');
}

const MAX_TOLD = 20;
