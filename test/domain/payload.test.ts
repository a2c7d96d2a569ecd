import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Event } from '../../src/domain/event.ts';
import { renderShape } from '../../src/domain/payload.ts';

function eventWith(data: string): Event {
  return {
    seq: 1,
    id: 'evt_1',
    tenantId: 'tenant',
    topic: 'order.created',
    timeMs: 0,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    data: Buffer.from(data),
    test: false,
  };
}

function rendered(data: string): string {
  return Buffer.from(renderShape('event_and_data', eventWith(data))).toString();
}

describe('event_and_data', () => {
  it.each([
    ['{}', '{"event":"order.created"}'],
    ['{ }', '{"event":"order.created"}'],
    ['{"a":1}', '{"event":"order.created","a":1}'],
    ['{ "a" : 1 }', '{"event":"order.created","a" : 1}'],
    [
      '{"a":1e400,"b":12345678901234567890}',
      '{"event":"order.created","a":1e400,"b":12345678901234567890}',
    ],
    ['{"event":"x","a":1}', '{"event":"order.created","a":1}'],
    ['{"a":1,"\\u0065vent":"x"}', '{"event":"order.created","a":1}'],
    ['{"a":{"event":"x"}}', '{"event":"order.created","a":{"event":"x"}}'],
    ['{"a":"\\\\","event":2}', '{"event":"order.created","a":"\\\\"}'],
  ])('makes of %s %s', (data, body) => {
    expect(rendered(data)).toBe(body);
  });

  it('puts the topic before the members of any data, and leaves out what is called event', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('event', 'eve', 'events', '"event"', '\\'));
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue()), fc.nat(2), (data, space) => {
        const { event, ...others } = JSON.parse(
          rendered(JSON.stringify(data, null, space)),
        ) as Record<string, unknown>;
        const { event: _, ...kept } = JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
        expect(event).toBe('order.created');
        expect(Object.entries(others)).toEqual(Object.entries(kept));
      }),
    );
  });
});
