import { describe, expect, it } from 'vitest';
import { envelopeOf } from '../../src/catalogue/envelope.ts';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { PAYLOAD_SHAPES } from '../../src/domain/payload.ts';
import type { Payload } from '../../src/domain/payload.ts';

const DATA = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };

function matches(payload: Payload, topic: string, data: object): boolean {
  const envelope = envelopeOf(payload);
  const compiled = createSchemaCompiler().compile(envelope.schema('a.b', DATA));
  if (!compiled.ok) throw new Error('it does not compile');
  return compiled.validator.matches(envelope.example(topic, { ...data }));
}

describe.each(PAYLOAD_SHAPES)('the bodies of %s', (payload) => {
  it('are of the schema that is made for them', () => {
    expect(matches(payload, 'a.b', { n: 1, more: true })).toBe(true);
  });

  it(`are ${payload === 'thin' ? 'also' : 'not'} where the data are not`, () => {
    // Nothing of the data is in a thin one.
    const isThin = payload === 'thin';
    expect(matches(payload, 'a.b', { n: 'x' })).toBe(isThin);
    expect(matches(payload, 'a.b', {})).toBe(isThin);
  });
});

describe('the data', () => {
  it.each([
    ['standard', '/data'],
    ['data', ''],
    ['envelope', '/data/object'],
    ['cloudevents', '/data'],
    ['event_and_data', null],
    ['thin', null],
  ] as const)('of %s are at %j', (payload, pointer) => {
    expect(envelopeOf(payload).dataPointer).toBe(pointer);
  });
});

describe('the schema', () => {
  it('names the topic, and the format of times', () => {
    expect(envelopeOf('standard').schema('a.b', DATA)).toEqual({
      type: 'object',
      required: ['type', 'timestamp', 'data'],
      properties: {
        type: { const: 'a.b' },
        timestamp: { type: 'string', format: 'date-time' },
        data: DATA,
      },
    });
    expect(matches('standard', 'other', { n: 1 })).toBe(false);
  });

  it('says nothing of what an expression makes that fails on such data', () => {
    const envelope = envelopeOf('jmespath:nothing');
    expect(envelope.schema('a', DATA)).toEqual({});
    expect(envelope.example('a', { n: 1 })).toBeNull();
  });
});
