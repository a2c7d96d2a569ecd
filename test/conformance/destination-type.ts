/**
 * The claims of the port of destination types (src/destinations/destination-type.ts), for every type:
 * `describeDestinationType(driver)` in a test file of its own is all that a type needs.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type {
  CheckedDestination,
  DestinationInput,
  DestinationType,
  Message,
  Sender,
  Sent,
} from '../../src/destinations/destination-type.ts';
import { FAILURE_REASONS, parseHeaderLines, type Outcome } from '../../src/domain/attempt.ts';
import type { Credentials } from '../../src/domain/destination.ts';
import type { Event } from '../../src/domain/event.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { renderShape } from '../../src/domain/payload.ts';

export interface DestinationTypeDriver {
  readonly name: string;
  /** A type, and a receiver of its own that the good input leads to. */
  start(): Promise<DestinationTypeRig>;
}

export interface DestinationTypeRig {
  readonly type: DestinationType;
  readonly profile: Profile;
  readonly receiver: ConformanceReceiver;
  /** What `check` takes, with all credentials. */
  readonly good: Given;
  /** Credentials that `check` makes up where they are left out. */
  readonly generated: readonly string[];
  /** What `check` refuses, and all that it has to point at; `canary` stands in each of the values. */
  readonly bad: readonly { readonly given: Given; readonly pointers: readonly string[] }[];
  readonly canary: string;
  stop(): Promise<void>;
}

export interface Given {
  readonly config: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
}

/** The far end, whatever it is. It starts with accepting. */
export interface ConformanceReceiver {
  /** Takes messages, from now on. */
  accept(): void;
  /** Refuses them. */
  refuse(): void;
  /** Takes them and says nothing. */
  hang(): void;
  /** Breaks off each connection. */
  breakOff(): void;
  /** Ids of the events that came, in order. */
  readonly received: readonly string[];
  /** Resolves once so many messages have come. */
  came(count: number): Promise<void>;
  /** Connections that were ever opened, and those that are open now. */
  readonly connections: number;
  /** Resolves once no connection is open. */
  allClosed(): Promise<void>;
}

const LONG_MS = 20_000;
/** Timers of Node may fire up to a millisecond early. */
const EARLY_MS = 2;

export function describeDestinationType(driver: DestinationTypeDriver): void {
  describe(driver.name, () => {
    let rig: DestinationTypeRig;
    beforeEach(async () => {
      rig = await driver.start();
    });
    afterEach(() => rig.stop());

    const input = (given: Given): DestinationInput => ({
      ...given,
      current: null,
      profile: rig.profile,
      httpSignature: null,
      nowMs: 0,
    });
    const checked = (given: Given = rig.good) => passed(rig.type.check(input(given)));
    const open = (): Sender =>
      rig.type.open({
        ...checked(),
        id: 'des_1',
        deliveryMetadata: null,
        httpSignature: null,
        profile: rig.profile,
      });

    describe('check', () => {
      it('takes what is good, as strings', () => {
        const { config, credentials } = checked();
        for (const value of [...Object.values(config), ...Object.values(credentials)])
          expect(value).toBeTypeOf('string');
        expect(Object.keys(config)).not.toEqual([]);
      });

      it('normalises once: what it gave passes again as it is', () => {
        const once = checked();
        expect(checked(once)).toEqual(once);
      });

      it('keeps the secrets that were given', () => {
        expect(checked().credentials).toEqual(rig.good.credentials);
      });

      it('makes up the secrets that were left out, each time others, and takes them again', () => {
        const without = { ...rig.good, credentials: omit(rig.good.credentials, rig.generated) };
        const first = checked(without);
        const second = checked(without);
        for (const name of rig.generated) {
          expect(first.credentials[name]).toMatch(/.{16}/);
          expect(first.credentials[name]).not.toBe(second.credentials[name]);
        }
        expect(checked(first)).toEqual(first);
      });

      it('tells all that is wrong at once, each with its pointer', () => {
        expect(rig.bad.length).toBeGreaterThan(0);
        for (const { given, pointers } of rig.bad) {
          const problems = refused(rig.type.check(input(given)));
          expect(problems.map(({ pointer }) => pointer).sort()).toEqual([...pointers].sort());
          for (const { code, message } of problems) {
            expect(code).toMatch(/^[a-z]+(?:_[a-z]+)*$/);
            expect(message).toMatch(/^[A-Z“"].*\.$/s);
            expect(message).not.toContain(rig.canary);
          }
        }
      });

      it('refuses fields that it does not know', () => {
        const { config, credentials } = rig.good;
        const given = {
          config: { ...config, 'no/such~field': 'x' },
          credentials: { ...credentials, nor_this: 'x' },
        };
        expect(refused(rig.type.check(input(given)))).toMatchObject([
          { pointer: '/config/no~1such~0field', code: 'unknown_field' },
          { pointer: '/credentials/nor_this', code: 'unknown_field' },
        ]);
      });

      it('refuses values of every wrong kind, and does not throw', () => {
        for (const value of [null, 5, true, [], {}, '', ' ', '\0', 'x'.repeat(100_000)]) {
          for (const part of ['config', 'credentials'] as const) {
            for (const name of Object.keys(rig.good[part])) {
              const given = { ...rig.good, [part]: { ...rig.good[part], [name]: value } };
              const result = rig.type.check(input(given));
              if (!result.ok) expect(result.problems[0]?.pointer).toContain(`/${part}/${name}`);
            }
          }
        }
        expect(refused(rig.type.check(input({ config: {}, credentials: {} })))).not.toEqual([]);
      });

      it('asks nothing of the network', () => {
        for (const { given } of rig.bad) rig.type.check(input(given));
        rig.type.describeTarget(checked().config);
        expect(rig.receiver.connections).toBe(0);
      });
    });

    describe('describeTarget', () => {
      it('says where it delivers to, and no secret', () => {
        const { config, credentials } = checked();
        const { target, targetUrl } = rig.type.describeTarget(config);
        expect(target).toMatch(/\S/);
        for (const secret of Object.values(credentials))
          expect(target + targetUrl).not.toContain(secret);
        if (targetUrl !== '') expect(URL.canParse(targetUrl)).toBe(true);
      });
    });

    describe('open', () => {
      it('connects nothing before the first message', async () => {
        const senders = Array.from({ length: 1000 }, open);
        await new Promise(setImmediate);
        expect(rig.receiver.connections).toBe(0);
        expectDelivered(await senderAt(senders, 500).send(createMessage()));
        expect(rig.receiver.connections).toBe(1);
      });

      it('throws where the stored destination cannot be used', () => {
        expect(() =>
          rig.type.open({
            id: 'des_1',
            config: {},
            credentials: {},
            deliveryMetadata: null,
            profile: rig.profile,
            httpSignature: null,
          }),
        ).toThrow();
      });
    });

    describe('send', () => {
      it('delivers', async () => {
        const sent = await open().send(createMessage({ id: 'evt_here' }));
        expectDelivered(sent);
        expect(rig.receiver.received).toEqual(['evt_here']);
      });

      it('records what went out, without the credentials', async () => {
        const { request } = await open().send(createMessage());
        expect(request.shape.url).toBe(rig.type.describeTarget(checked().config).targetUrl);
        expect(parseHeaderLines(request.headers)).not.toContainEqual(['', '']);
        for (const secret of Object.values(checked().credentials))
          expect(JSON.stringify(request)).not.toContain(secret);
      });

      it('comes back with the failure as a value, and works again afterwards', async () => {
        const sender = open();
        rig.receiver.refuse();
        expectFailed(await sender.send(createMessage()));
        rig.receiver.accept();
        expectDelivered(await sender.send(createMessage()));
        rig.receiver.breakOff();
        expectFailed(await sender.send(createMessage()));
        rig.receiver.accept();
        expectDelivered(await sender.send(createMessage()));
        rig.receiver.hang();
        expect(expectFailed(await sender.send(createMessage({}, 60)))).toBe('timeout');
        rig.receiver.accept();
        expectDelivered(await sender.send(createMessage()));
      });

      it('ends at its deadline, not before', async () => {
        rig.receiver.hang();
        const sent = await open().send(createMessage({}, 80));
        expect(expectFailed(sent)).toBe('timeout');
        expect(sent.outcome).toMatchObject({ retryable: true, response: null });
        expect(sent.outcome.timings.totalMs).toBeGreaterThanOrEqual(80 - EARLY_MS);
      });

      it('has a deadline for each message', async () => {
        rig.receiver.hang();
        const sender = open();
        let longEnded = false;
        const long = sender.send(createMessage()).finally(() => {
          longEnded = true;
        });
        expect(expectFailed(await sender.send(createMessage({}, 60)))).toBe('timeout');
        expect(longEnded).toBe(false);
        await rig.type.close();
        expectFailed(await long);
      });

      it('takes many messages at a time, and delivers each once', async () => {
        const sender = open();
        const ids = Array.from({ length: 100 }, (_, index) => `evt_many${index}`);
        const sent = await Promise.all(ids.map((id) => sender.send(createMessage({ id }))));
        for (const each of sent) expectDelivered(each);
        expect([...rig.receiver.received].sort()).toEqual([...ids].sort());
      });

      it('is not held up by messages that hang', async () => {
        rig.receiver.hang();
        const sender = open();
        let hanging = 20;
        const waiting = Array.from({ length: 20 }, async () => {
          const sent = await sender.send(createMessage());
          hanging--;
          return sent;
        });
        await rig.receiver.came(20);
        rig.receiver.accept();
        for (let count = 0; count < 5; count++) expectDelivered(await sender.send(createMessage()));
        expect(hanging).toBe(20);
        await rig.type.close();
        for (const sent of await Promise.all(waiting)) expectFailed(sent);
      });

      it('does not change the message', async () => {
        const given = createMessage();
        const body = Buffer.from(given.body);
        await open().send(given);
        expect(body.equals(given.body)).toBe(true);
      });
    });

    describe('close', () => {
      it('ends what is under way, as failures that can be tried again', async () => {
        rig.receiver.hang();
        const sender = open();
        const sending = Promise.all(Array.from({ length: 5 }, () => sender.send(createMessage())));
        await rig.receiver.came(5);
        await rig.type.close();
        for (const sent of await sending) {
          expectFailed(sent);
          expect(sent.outcome).toMatchObject({ retryable: true });
        }
        await rig.receiver.allClosed();
      });

      it('gives up the connections that rest', async () => {
        const sender = open();
        await Promise.all(Array.from({ length: 10 }, () => sender.send(createMessage())));
        await rig.type.close();
        await rig.receiver.allClosed();
      });

      it('is for good: what is sent afterwards fails, and connects nothing', async () => {
        const sender = open();
        await rig.type.close();
        expectFailed(await sender.send(createMessage()));
        expectFailed(await open().send(createMessage()));
        expect(rig.receiver.connections).toBe(0);
      });

      it('may come twice, and before anything', async () => {
        await Promise.all([rig.type.close(), rig.type.close()]);
        await rig.type.close();
      });
    });
  });
}

function passed(result: CheckedDestination): { config: Credentials; credentials: Credentials } {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.problems)}`);
  return { config: result.config, credentials: result.credentials };
}

function refused(result: CheckedDestination) {
  if (result.ok) throw new Error('it passed, but should not have');
  return result.problems;
}

function omit(given: Given['credentials'], names: readonly string[]): Given['credentials'] {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !names.includes(name)));
}

function senderAt(senders: readonly Sender[], index: number): Sender {
  const sender = senders[index];
  if (sender === undefined) throw new RangeError('no such sender');
  return sender;
}

let events = 0;

function createMessage(given: Partial<Event> = {}, timeoutMs = LONG_MS): Message {
  events++;
  const event: Event = {
    seq: 1_700_000_000_000_000 + events,
    id: `evt_conformance${events}`,
    tenantId: 'tenant',
    topic: 'order.created',
    timeMs: 1_700_000_000_000,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    data: Buffer.from('{"n":1}'),
    test: false,
    ...given,
  };
  return {
    event,
    body: renderShape('standard', event),
    deliveryId: () => 'dlv_1',
    attempt: 1,
    nowMs: Date.now(),
    timeoutMs,
  };
}

function expectDelivered({ outcome }: Sent): void {
  expectTimings(outcome);
  if (outcome.kind === 'failed') throw new Error(`failed: ${outcome.reason}: ${outcome.detail}`);
}

/** A failure of the closed list, told coarsely. */
function expectFailed({ outcome }: Sent): string {
  expectTimings(outcome);
  if (outcome.kind === 'delivered') throw new Error('delivered, but should have failed');
  expect(FAILURE_REASONS).toContain(outcome.reason);
  expect(outcome.detail).toMatch(/^[A-Z].*\.$/);
  expect(outcome.detail).not.toMatch(/127\.0|::1|localhost/);
  return outcome.reason;
}

function expectTimings({ timings }: Outcome): void {
  const { totalMs, ...steps } = timings;
  for (const stepMs of Object.values(steps)) {
    if (stepMs === null) continue;
    expect(stepMs).toBeGreaterThanOrEqual(0);
    expect(stepMs).toBeLessThanOrEqual(totalMs);
  }
}
