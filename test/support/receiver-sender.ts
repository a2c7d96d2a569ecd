/** The other end of the receivers: webhook destinations that may send to loopback, and messages for them. */
import { expect, onTestFinished } from 'vitest';

import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import type {
  DestinationType,
  Message,
  OpenDestination,
  Sender,
  Sent,
} from '../../src/destinations/destination-type.ts';
import type { WebhookOptions } from '../../src/destinations/webhook/options.ts';
import { createWebhookType } from '../../src/destinations/webhook/type.ts';
import { FAILURE_REASONS, type FailureReason, type Outcome } from '../../src/domain/attempt.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { applyFormat, PROFILE_FORMAT } from '../../src/domain/format.ts';
import type { Format } from '../../src/domain/format.ts';
import type { HttpSignature } from '../../src/domain/http-signature.ts';
import type { Event } from '../../src/domain/event.ts';
import { systemRandom } from '../../src/domain/id.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { renderShape } from '../../src/domain/payload.ts';
import { INSTANCE_KEY } from './instance-key.ts';
import { standard } from '../../src/profiles/standard.ts';

/** Long enough that it never passes in a test that does not mean it to. */
const TIMEOUT_MS = 20_000;

/** A webhook type for loopback; closed at the end of the test. */
export function createLoopbackType(options: Partial<WebhookOptions> = {}): DestinationType {
  const type = createWebhookType({
    guard: createAddressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] }),
    clock: systemClock,
    random: systemRandom,
    userAgent: 'Angarium/test',
    origin: 'sender.test',
    instanceKey: INSTANCE_KEY,
    ...options,
  });
  onTestFinished(() => type.close());
  return type;
}

export interface Given {
  readonly customHeaders?: unknown;
  readonly secret?: string;
  readonly profile?: Profile;
  /** As the API takes them. */
  readonly auth?: unknown;
  readonly ca?: string;
  readonly deliveryMetadata?: Readonly<Record<string, string>> | null;
  /** Further fields of `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly format?: Format;
  readonly httpSignature?: HttpSignature | null;
}

/** Checks and opens a destination, as the engine would. */
export function openWebhook(type: DestinationType, url: string, given: Given = {}): Sender {
  return type.open(checkWebhook(type, url, given));
}

export function checkWebhook(
  type: DestinationType,
  url: string,
  given: Given = {},
): OpenDestination {
  const { customHeaders, secret, deliveryMetadata = null } = given;
  const { httpSignature = null, format = PROFILE_FORMAT } = given;
  const profile = applyFormat(given.profile ?? standard, format);
  const checked = type.check({
    config: { url, custom_headers: customHeaders, ca: given.ca, ...given.config },
    auth: given.auth,
    credentials: secret === undefined ? {} : { secret },
    current: null,
    profile,
    httpSignature,
    nowMs: Date.now(),
  });
  if (!checked.ok) throw new Error(`refused: ${JSON.stringify(checked.problems)}`);
  const { config, credentials, auth } = checked;
  return { id: 'des_1', config, credentials, auth, deliveryMetadata, profile, httpSignature };
}

/** A sender of its own type, for one URL. */
export function senderTo(url: string, options: Partial<WebhookOptions> = {}): Sender {
  return openWebhook(createLoopbackType(options), url);
}

let events = 0;

export function createEvent(given: Partial<Event> = {}): Event {
  events++;
  return {
    seq: 1_700_000_000_000_000 + events,
    id: `evt_${events}`,
    tenantId: 'tenant',
    topic: 'order.created',
    timeMs: 1_700_000_000_000,
    eligibleForRetry: true,
    test: false,
    metadata: null,
    resource: null,
    data: Buffer.from('{"n":1}'),
    ...given,
  };
}

export function createMessage(given: Partial<Message> = {}): Message {
  const event = given.event ?? createEvent();
  return {
    event,
    body: renderShape('standard', event),
    deliveryId: () => 'dlv_1',
    attempt: 1,
    nowMs: Date.now(),
    timeoutMs: TIMEOUT_MS,
    ...given,
  };
}

export type Failed = Extract<Outcome, { kind: 'failed' }>;
export type Delivered = Extract<Outcome, { kind: 'delivered' }>;

export function expectFailure(sent: Sent, reason: FailureReason): Failed {
  expectSound(sent);
  if (sent.outcome.kind === 'delivered')
    throw new Error(`delivered, but should have failed: ${reason}`);
  expect(sent.outcome).toMatchObject({ reason });
  return sent.outcome;
}

export function expectDelivered(sent: Sent): Delivered {
  expectSound(sent);
  if (sent.outcome.kind === 'failed')
    throw new Error(`failed: ${sent.outcome.reason}: ${sent.outcome.detail}`);
  return sent.outcome;
}

/** What holds for every attempt: a closed list of reasons, a detail that gives nothing away, times that add up. */
function expectSound({ outcome }: Sent): void {
  const { dnsMs, connectMs, tlsMs, firstByteMs, totalMs } = outcome.timings;
  for (const each of [dnsMs, connectMs, tlsMs, firstByteMs])
    if (each !== null) expect(each).toBeGreaterThanOrEqual(0);
  expect((dnsMs ?? 0) + (connectMs ?? 0) + (tlsMs ?? 0)).toBeLessThanOrEqual(totalMs);
  expect(firstByteMs ?? 0).toBeLessThanOrEqual(totalMs);
  if (outcome.response !== null) {
    expect(firstByteMs).not.toBeNull();
    expect(outcome.response.body.length).toBeLessThanOrEqual(16 * 1024);
  }
  if (outcome.kind === 'delivered') return;
  expect(FAILURE_REASONS).toContain(outcome.reason);
  expect(outcome.detail).toMatch(/^[A-Z].*\.$/);
  expect(outcome.detail).not.toMatch(/127\.0|::1|localhost|whsec_|\d{5}/);
}
