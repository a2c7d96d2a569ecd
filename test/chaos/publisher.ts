/**
 * Publishes at a rate, to any node, singly and in batches; knows of each event what it was told. What has an id of its
 * own is sent again until it is accepted, like a careful publisher would, except for some that ask only once.
 */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../support/simulated-random.ts';
import { TENANTS, TOPICS } from './ledger.ts';
import type { Commit, PublishedEvent } from './ledger.ts';
import { API_KEY } from './nodes.ts';
import type { NodeName } from './plan.ts';

const TICK_MS = 20;
/** A node that is frozen does not answer: then another one is asked. */
const TIMEOUT_MS = 5000;
const BETWEEN_TRIES_MS = [50, 400] as const;
const MAX_BATCH = 20;
const MAX_UNDER_WAY = 200;
const ORDER_KEYS = 24;
const MAX_TEXT = 400;

export interface PublisherParts {
  /** Events a second. */
  readonly rate: number;
  readonly random: SeededRandom;
  readonly nowMs: () => number;
  /** Those that have said that they are ready; one that is dead or frozen may be among them. */
  readonly ready: () => readonly ReadyNode[];
}

interface ReadyNode {
  readonly name: NodeName;
  readonly url: string;
}

interface Answer {
  /** `null`: there was none to ask. */
  readonly node: NodeName | null;
  readonly status: number;
  readonly body: unknown;
}

export class Publisher {
  readonly #parts: PublisherParts;
  readonly events = new Map<number, PublishedEvent>();
  /** Answers that nobody should get. */
  readonly surprises: string[] = [];
  readonly commits: Commit[] = [];
  accepted = 0;
  refusals = 0;
  unanswered = 0;
  /** Accepted as one that was there before: the first answer was lost. */
  knownBefore = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #busyKeys = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #last = 0;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#publishAtRate();
  }

  /** No new events; resolves when all of those that are repeated were accepted. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  async #publishAtRate(): Promise<void> {
    let owed = 0;
    let beforeMs = performance.now();
    while (!this.#isStopping) {
      await pause(TICK_MS);
      const nowMs = performance.now();
      // What could not be published in time is not made up for.
      owed = Math.min(owed + (this.#parts.rate * (nowMs - beforeMs)) / 1000, this.#parts.rate / 4);
      beforeMs = nowMs;
      while (owed >= 1 && this.#underWay.size < MAX_UNDER_WAY) owed -= this.#begin();
    }
  }

  /** How many events it is. */
  #begin(): number {
    const { random } = this.#parts;
    const kind = random.weighted({ keyed: 12, repeated: 6, once: 4, unnamed: 4, batch: 1 });
    if (kind === 'batch') {
      const events = Array.from({ length: random.int(2, MAX_BATCH) }, () => this.#event(null));
      this.#track(this.#publish(events, { isNamed: true, isRepeated: true }));
      return events.length;
    }
    if (kind === 'keyed') {
      const orderKey = `key-${random.int(1, ORDER_KEYS)}`;
      const tenant = random.pick(TENANTS);
      const name = `${tenant} ${orderKey}`;
      // The next of a key is published when the one before is accepted.
      if (this.#busyKeys.has(name)) return 0.1;
      this.#busyKeys.add(name);
      const event = this.#event(orderKey, tenant);
      const publish = this.#publish([event], { isNamed: true, isRepeated: true });
      this.#track(publish.finally(() => this.#busyKeys.delete(name)));
      return 1;
    }
    const isNamed = kind !== 'unnamed';
    this.#track(this.#publish([this.#event(null)], { isNamed, isRepeated: kind === 'repeated' }));
    return 1;
  }

  #event(orderKey: string | null, tenant?: string): PublishedEvent {
    const { random } = this.#parts;
    const event: PublishedEvent = {
      n: ++this.#last,
      tenant: tenant ?? random.pick(TENANTS),
      topic: orderKey === null ? random.pick(TOPICS) : TOPICS[1],
      orderKey,
      standing: 'unknown',
      acceptedAtMs: null,
    };
    this.events.set(event.n, event);
    return event;
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #publish(
    events: readonly PublishedEvent[],
    { isNamed, isRepeated }: { isNamed: boolean; isRepeated: boolean },
  ): Promise<void> {
    const { random } = this.#parts;
    const bodies = events.map((event) => bodyOf(event, isNamed, random));
    const isBatch = events.length > 1;
    for (let isFirst = true; ; isFirst = false) {
      const sent = isBatch ? { events: bodies } : bodies[0];
      const answer = await this.#send(isBatch ? '/api/v1/publish/batch' : '/api/v1/publish', sent);
      const results = isBatch ? resultsOf(answer, events.length) : [answer];
      const left = events.filter((event, index) => !this.#settle(event, results[index], isFirst));
      if (left.length === 0 || !isRepeated) return;
      await pause(random.int(...BETWEEN_TRIES_MS));
    }
  }

  /** Whether nothing more is to be done for it. */
  #settle(event: PublishedEvent, answer: Answer | null | undefined, isFirst: boolean): boolean {
    if (event.standing === 'accepted') return true;
    // 504: its commit was lost sight of.
    if (answer === null || answer === undefined || answer.status === 504) {
      this.unanswered++;
      event.standing = 'unknown';
      return false;
    }
    if (answer.status === 503) {
      this.refusals++;
      if (isFirst) event.standing = 'refused';
      return false;
    }
    if (answer.status !== 202) {
      this.surprises.push(
        `event ${event.n} was answered ${answer.status}: ${JSON.stringify(answer.body)}`,
      );
      return true;
    }
    event.standing = 'accepted';
    event.acceptedAtMs = this.#parts.nowMs();
    if (answer.node !== null) this.commits.push({ node: answer.node, atMs: event.acceptedAtMs });
    this.accepted++;
    if ((answer.body as { duplicate: boolean }).duplicate) this.knownBefore++;
    return true;
  }

  /** `null`: no whole answer came. */
  async #send(path: string, body: unknown): Promise<Answer | null> {
    const ready = this.#parts.ready();
    if (ready.length === 0) return { node: null, status: 503, body: null };
    const { name: node, url: base } = this.#parts.random.pick(ready);
    const url = new URL(path, base);
    const text = JSON.stringify(body);
    return new Promise((resolve) => {
      const none = () => resolve(null);
      const request = httpRequest(url, {
        method: 'POST',
        agent: this.#agent,
        timeout: TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${API_KEY}`,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        },
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', none);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', none);
        response.on('close', none);
        response.on('end', () => {
          const whole = Buffer.concat(chunks).toString('utf8');
          const isJson = String(response.headers['content-type']).includes('json');
          resolve({
            node,
            status: response.statusCode ?? 0,
            body: isJson ? JSON.parse(whole) : whole,
          });
        });
      });
      request.end(text);
    });
  }
}

function bodyOf(
  { n, tenant, topic, orderKey }: PublishedEvent,
  isNamed: boolean,
  random: SeededRandom,
) {
  return {
    ...(isNamed ? { id: `event-${n}` } : {}),
    tenant_id: tenant,
    topic,
    ...(orderKey === null ? {} : { order_key: orderKey }),
    data: { n, text: 'x'.repeat(random.int(0, MAX_TEXT)) },
  };
}

/** As if each had been asked alone. */
function resultsOf(answer: Answer | null, count: number): (Answer | null)[] {
  if (answer?.status !== 202) return Array.from({ length: count }, () => answer);
  const { results } = answer.body as {
    results: ({ readonly error?: { readonly status: number } } | undefined)[];
  };
  return Array.from({ length: count }, (_, index) => {
    const result = results[index];
    if (result === undefined) return null;
    return { node: answer.node, status: result.error?.status ?? 202, body: result };
  });
}
