/** All destinations that there ever were, as the storage has them from one moment to the next. */
import type { AuditEntry } from '../../src/domain/audit.ts';
import { endingRule } from '../../src/domain/ending.ts';
import type { DisablePolicy, EndingRule } from '../../src/domain/ending.ts';
import type { Order } from '../../src/domain/order.ts';
import type { RateCounts } from '../../src/domain/profile.ts';
import { standard } from '../../src/profiles/standard.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import { noteRule } from './ending-watch.ts';
import type { EndingWatch } from './ending-watch.ts';
import { profileOf, scheduleOf } from './expected-schedule.ts';
import type { RetryOfPolicy } from './expected-schedule.ts';
import type { DestinationRow, Journal } from './journal.ts';
import type { Knowledge } from './knowledge.ts';
import type { DestinationState } from './ledger-state.ts';

export interface DestinationLedgerParts {
  readonly journal: Journal;
  readonly clock: SimulatedClock;
  readonly endings: EndingWatch;
  readonly knowledge: Knowledge;
}

export class DestinationLedger {
  readonly #journal: Journal;
  readonly #clock: SimulatedClock;
  readonly #endings: EndingWatch;
  readonly #knowledge: Knowledge;
  readonly #destinations = new Map<number, DestinationState>();
  readonly #byReceiver = new Map<string, DestinationState>();
  #tenants = new Map<number, string>();

  constructor({ journal, clock, endings, knowledge }: DestinationLedgerParts) {
    this.#journal = journal;
    this.#clock = clock;
    this.#endings = endings;
    this.#knowledge = knowledge;
  }

  all(): IterableIterator<DestinationState> {
    return this.#destinations.values();
  }

  get(no: number): DestinationState | undefined {
    return this.#destinations.get(no);
  }

  ofReceiver(receiverName: string): DestinationState | undefined {
    return this.#byReceiver.get(receiverName);
  }

  /** `undefined`: it is not there any more. */
  tenantId(tenantNo: number): string | undefined {
    return this.#tenants.get(tenantNo);
  }

  /** The engine knows the destinations of a tenant, or of all, as they are. */
  settled(tenantId: string | null): void {
    for (const destination of this.#destinations.values())
      if (tenantId === null || destination.tenantId === tenantId) {
        destination.formerConcurrency = 0;
        if (destination.isChangeNew) destination.changedMs = this.#clock.monotonicMs();
        destination.isChangeNew = false;
        if (destination.isRateNew) destination.rateSetMs = this.#clock.monotonicMs();
        destination.isRateNew = false;
      }
  }

  /** A write of destinations or tenants was carried out. */
  written(query: unknown): void {
    const byEngine = isByEngine(query);
    this.#tenants = this.#journal.tenantIds();
    for (const row of this.#journal.destinations()) {
      const known = this.#destinations.get(row.no);
      if (row.isDeleted) {
        if (known === undefined) continue;
        if (!known.isDeleted && byEngine) this.#endings.unsubscribed(known);
        Object.assign(known, { isDeleted: true, isEnabled: false, wasTakenAway: true });
        continue;
      }
      this.#read(row, known);
    }
  }

  #read(row: DestinationRow, known: DestinationState | undefined): void {
    const { topics, config, policy, profile } = JSON.parse(row.definition) as Definition;
    const destination: DestinationState = known ?? {
      no: row.no,
      tenantNo: row.tenantNo,
      tenantId: row.tenantId,
      id: row.id,
      receiverName: config.receiver,
      origin: config.origin ?? null,
      topics,
      order: policy.order ?? 'none',
      hasChangedOrder: false,
      wasEverOrdered: false,
      ratePerMinute: null,
      rateCounts: 'attempts',
      isRateNew: false,
      rateSetMs: 0,
      read: '',
      changedMs: 0,
      isChangeNew: false,
      concurrency: 0,
      formerConcurrency: 0,
      isEnabled: true,
      isHeld: false,
      isDeleted: false,
      wasTakenAway: false,
      wasEverParallel: false,
      blocking: new Map(),
      freedMs: new Map(),
      versions: new Map(),
      retrying: new Set(),
      schedules: [],
      ofProfile: profileOf(profile).ending,
      rule: standard.ending,
      rules: [],
      disabledReason: null,
      expiresAtMs: null,
    };
    this.#readEnding(row, destination, endingRule(profileOf(profile).ending, policy.disable));
    const read = JSON.stringify(row);
    if (read !== destination.read) destination.changedMs = this.#clock.monotonicMs();
    destination.isChangeNew ||= read !== destination.read;
    destination.read = read;
    destination.topics = topics;
    destination.origin = config.origin ?? null;
    const order = policy.order ?? 'none';
    destination.hasChangedOrder ||= order !== destination.order;
    destination.order = order;
    destination.wasEverOrdered ||= order !== 'none';
    const rate = policy.rate_per_minute ?? null;
    const rateCounts = policy.rate_counts ?? 'attempts';
    destination.isRateNew ||=
      rate !== destination.ratePerMinute || rateCounts !== destination.rateCounts;
    destination.ratePerMinute = rate;
    destination.rateCounts = rateCounts;
    const concurrency = policy.concurrency ?? 128;
    if (concurrency !== destination.concurrency)
      destination.formerConcurrency = Math.max(
        destination.formerConcurrency,
        destination.concurrency,
      );
    destination.concurrency = concurrency;
    destination.isEnabled = row.isEnabled;
    destination.isHeld = row.isHeld;
    destination.wasTakenAway ||= !row.isEnabled;
    destination.wasEverParallel ||= destination.concurrency > 1;
    destination.schedules.push(scheduleOf(policy.retry, profile ?? 'standard'));
    this.#destinations.set(row.no, destination);
    this.#byReceiver.set(destination.receiverName, destination);
  }

  #readEnding(
    { disabledReason, expiresAtMs, isEnabled, isHeld }: DestinationRow,
    destination: DestinationState,
    rule: EndingRule,
  ): void {
    if (JSON.stringify(rule) !== JSON.stringify(destination.rule))
      this.#endings.ruleChanged(destination);
    destination.rule = rule;
    noteRule(destination.rules, rule);
    const before = destination.disabledReason;
    const isSettled = !this.#knowledge.isUnsettled(destination.tenantId);
    Object.assign(destination, { disabledReason, isEnabled, isHeld });
    this.#endings.changed(destination, before, isSettled);
    destination.expiresAtMs = expiresAtMs;
  }
}

interface Definition {
  readonly topics: readonly string[];
  readonly config: { readonly receiver: string; readonly origin?: string };
  readonly profile?: string | null;
  readonly policy: {
    readonly order?: Order;
    readonly rate_per_minute?: number;
    readonly rate_counts?: RateCounts;
    readonly concurrency?: number;
    readonly retry?: RetryOfPolicy;
    readonly disable?: DisablePolicy;
  };
}

/** Nobody asked for it. */
function isByEngine(query: unknown): boolean {
  const { audit } = query as { audit?: AuditEntry | null };
  return audit?.actor.kind === 'engine';
}
