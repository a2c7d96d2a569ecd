/** What building and signing one message takes, by itself: the body of an event, and the headers of one attempt. */
import { systemRandom } from '../src/domain/id.ts';
import { messageFormat } from '../src/domain/message-format.ts';
import { isShape, renderShape } from '../src/domain/payload.ts';
import type { Profile } from '../src/domain/profile.ts';
import { MessageValues } from '../src/domain/template.ts';
import { eventData, TOPIC } from './event.ts';

const MESSAGES = 10_000;

/** Microseconds of this machine: the best of so many rounds, as everything else that runs only adds to it. */
export function signingMicroseconds(profile: Profile, rounds: number): number {
  const data = Buffer.from(eventData());
  return Math.min(...Array.from({ length: rounds }, () => round(profile, data)));
}

function round(profile: Profile, data: Uint8Array): number {
  const { payload, signature } = profile;
  if (!isShape(payload)) throw new Error('an expression is evaluated on a thread of its own');
  const format = messageFormat(profile);
  const keys = signature === null ? [] : [{ kind: 'hmac' as const, bytes: Buffer.alloc(32, 7) }];
  const nowMs = Date.now();
  const common = { tenantId: 'bench', topic: TOPIC, timeMs: nowMs, eligibleForRetry: true };
  const from = process.cpuUsage();
  for (let nth = 0; nth < MESSAGES; nth++) {
    const id = `evt_01k9zz8qf3a${nth}`;
    const event = { ...common, seq: nth, id, metadata: null, resource: null, data, test: false };
    const facts = { event, deliveryId: () => `dlv_${nth}`, attempt: 1, nowMs };
    const values = new MessageValues(facts, 'des_01k9zz8qf3abcde0000', systemRandom);
    format.headers(values, renderShape(payload, event), keys);
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / MESSAGES;
}
