import { describe, expect, it } from 'vitest';
import { applyFormat, FORMAT_NAMES } from '../../src/domain/format.ts';
import type { Format, FormatName } from '../../src/domain/format.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { messageFormat } from '../../src/domain/message-format.ts';
import { renderShape } from '../../src/domain/payload.ts';
import { MessageValues } from '../../src/domain/template.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { standard } from '../../src/profiles/standard.ts';
import { createEvent } from '../support/receiver-sender.ts';

const WITH_RESOURCE = '{"urn":"urn:room:7"}';

function formatOf(name: FormatName): Format {
  return name === 'jmespath' ? { name, expression: 'data' } : { name };
}

function headersOf(resource: string | null, profile = standard): Map<string, string> {
  const event = createEvent({ resource });
  const facts = { event, deliveryId: () => 'dlv_1', attempt: 1, nowMs: 1_700_000_001_000 };
  const effective = applyFormat(profile, { name: 'cloudevents-binary' });
  const list = messageFormat(effective).headers(
    new MessageValues(facts, 'des_1', systemRandom),
    event.data,
    [{ kind: 'hmac', bytes: Buffer.alloc(32) }],
  );
  return new Map(
    list.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name, list[at + 1] ?? '']] : [],
    ),
  );
}

describe('a format', () => {
  it('changes the body alone: secret, signature, success, retries and name stay the profile’s', () => {
    for (const profile of [standard, baack, balkanid]) {
      for (const name of FORMAT_NAMES) {
        const effective = applyFormat(profile, formatOf(name));
        expect({
          ...effective,
          payload: profile.payload,
          contentType: profile.contentType,
          headers: profile.headers,
        }).toEqual(profile);
        for (const header of profile.headers) expect(effective.headers).toContainEqual(header);
      }
    }
  });

  it('is the same object for all destinations of a profile, so that it is made ready once', () => {
    for (const name of ['cloudevents-structured', 'cloudevents-binary', 'thin'] as const) {
      expect(applyFormat(standard, { name })).toBe(applyFormat(standard, { name }));
      expect(applyFormat(standard, { name })).not.toBe(applyFormat(baack, { name }));
    }
    expect(applyFormat(standard, { name: 'profile' })).toBe(standard);
  });

  it('jmespath says its expression in the payload, which is what attempts record', () => {
    const format: Format = { name: 'jmespath', expression: '{a: data.a}' };
    expect(applyFormat(standard, format).payload).toBe('jmespath:{a: data.a}');
  });
});

describe('CloudEvents, binary', () => {
  it('has the attributes as headers, before those of the profile', () => {
    const headers = headersOf(WITH_RESOURCE);
    expect([...headers.keys()]).toEqual([
      'ce-specversion',
      'ce-id',
      'ce-source',
      'ce-type',
      'ce-subject',
      'ce-time',
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ]);
    expect(headers.get('ce-subject')).toBe('urn:room:7');
    expect(headers.get('ce-time')).toBe('2023-11-14T22:13:20.000Z');
  });

  it('has no subject where the event has no resource', () => {
    expect(headersOf(null).has('ce-subject')).toBe(false);
  });

  it('encodes what may not stand in a header, characters outside the BMP and halves of them too', () => {
    const subject = (urn: string) => headersOf(JSON.stringify({ urn })).get('ce-subject');
    expect(subject('a "b" 100% ä😀')).toBe('a%20%22b%22%20100%25%20%C3%A4%F0%9F%98%80');
    expect(subject('\ud83d')).toBe('%EF%BF%BD');
  });
});

describe('CloudEvents, structured', () => {
  it('has the subject where the event has a resource, and the data byte for byte', () => {
    const data = Buffer.from('{"n":1.00, "big":12345678901234567890}');
    const text = (resource: string | null) =>
      Buffer.from(
        renderShape('cloudevents', createEvent({ id: 'evt_s', resource, data })),
      ).toString();
    expect(text(WITH_RESOURCE)).toBe(
      '{"specversion":"1.0","id":"evt_s","source":"/tenants/tenant","type":"order.created","subject":"urn:room:7","time":"2023-11-14T22:13:20.000Z","datacontenttype":"application/json","data":{"n":1.00, "big":12345678901234567890}}',
    );
    expect(text(null)).not.toContain('subject');
  });
});
