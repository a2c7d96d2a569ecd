import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { Event } from '../../src/domain/event.ts';
import { PayloadError } from '../../src/domain/payload.ts';
import { createJmespath } from '../../src/expressions/jmespath.ts';
import type { JmespathExpressions } from '../../src/expressions/jmespath.ts';
import { createEvent } from '../support/receiver-sender.ts';

const DATA = {
  order: {
    id: 7,
    lines: [
      { sku: 'a', n: 2 },
      { sku: 'b', n: 1 },
    ],
  },
  text: 'ä😀',
  nothing: null,
};

const EVENT = eventOf(JSON.stringify(DATA));

function eventOf(data: string, given: Partial<Event> = {}): Event {
  return createEvent({ id: 'evt_j', data: Buffer.from(data), ...given });
}

function jmespath({ timeoutMs = 20_000, maxBytes = 64 * 1024 } = {}): JmespathExpressions {
  const expressions = createJmespath({ clock: systemClock, timeoutMs, maxBytes });
  onTestFinished(() => expressions.close());
  return expressions;
}

async function resultOf(expression: string, event = EVENT): Promise<unknown> {
  const expressions = jmespath();
  expect(expressions.check(expression)).toBeNull();
  const body = await expressions.evaluate(expression, event);
  return JSON.parse(Buffer.from(body).toString());
}

async function failureOf(evaluation: Promise<Uint8Array>): Promise<string> {
  const error: unknown = await evaluation.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PayloadError)) throw new Error(`no PayloadError: ${String(error)}`);
  expect(error.message).toMatch(/^[A-Z].*\.$/s);
  return error.message;
}

describe('an expression', () => {
  it('builds the body of all that there is of the event', async () => {
    const event = eventOf(JSON.stringify(DATA), {
      tenantId: 'acme',
      metadata: '{"plan":"ä"}',
      resource: '{"urn":"urn:order:7"}',
    });
    expect(await resultOf('@', event)).toEqual({
      id: 'evt_j',
      topic: 'order.created',
      time: '2023-11-14T22:13:20.000Z',
      tenant_id: 'acme',
      metadata: { plan: 'ä' },
      resource: { urn: 'urn:order:7' },
      data: DATA,
    });
    expect(await resultOf('[metadata, resource]')).toEqual([{}, null]);
  });

  it.each([
    ['{kind: topic, text: data.text}', { kind: 'order.created', text: 'ä😀' }],
    ['data.order.lines[?n > `1`].sku | [0]', 'a'],
    ['sort_by(data.order.lines, &n)[*].sku', ['b', 'a']],
    ["join('-', data.order.lines[].sku)", 'a-b'],
    ['length(data.order.lines)', 2],
    ['data.nothing', null],
    ['data.not.there', null],
    ['`1` > `2`', false],
    [
      'let $id = data.order.id in data.order.lines[].[$id, sku]',
      [
        [7, 'a'],
        [7, 'b'],
      ],
    ],
  ])('%s', async (expression, expected) => {
    expect(await resultOf(expression)).toEqual(expected);
  });

  it('is read again and again, by many events at a time, and each gets its own', async () => {
    const expressions = jmespath();
    const bodies = await Promise.all(
      Array.from({ length: 200 }, (_, n) => expressions.evaluate('data.n', eventOf(`{"n":${n}}`))),
    );
    expect(bodies.map((body) => Number(Buffer.from(body).toString()))).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    );
  });

  it('reads numbers as floating point: the bytes as published are not kept here', async () => {
    expect(await resultOf('data', eventOf('[1.00,12345678901234567890]'))).toEqual([
      1, 12_345_678_901_234_567_000,
    ]);
  });
});

describe('members that every object has', () => {
  it.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'data.constructor',
  ])('%s is nothing, unless the event has it', async (expression) => {
    expect(await resultOf(expression)).toBeNull();
    expect(await resultOf(`data."${expression}"`, eventOf(`{"${expression}":"own"}`))).toBe('own');
  });

  it('may be made', async () => {
    const made = await resultOf(
      '{"__proto__": data.a, "constructor": data.b}',
      eventOf('{"a":{"x":1},"b":2}'),
    );
    expect(Object.entries(Object(made))).toEqual([
      ['__proto__', { x: 1 }],
      ['constructor', 2],
    ]);
    expect(Reflect.get({}, 'x')).toBeUndefined();
  });
});

describe('what fails, fails as a sentence', () => {
  it('where the event is not what the expression expects', async () => {
    const failure = await failureOf(jmespath().evaluate('sort(data)', EVENT));
    expect(failure).toMatch(/^The expression does not go with the event: .*sort/);
  });

  it('where it gives too much', async () => {
    const expressions = jmespath({ maxBytes: 100 });
    const exactly = eventOf(JSON.stringify('x'.repeat(98)));
    expect(await expressions.evaluate('data', exactly)).toHaveLength(100);
    const over = 'What the expression makes of the event has more than 100 bytes.';
    expect(await failureOf(expressions.evaluate('[data]', exactly))).toBe(over);
    // Fewer characters than bytes.
    const wide = eventOf(JSON.stringify('ä'.repeat(50)));
    expect(await failureOf(expressions.evaluate('data', wide))).toBe(over);
  });

  it('where it doubles what it shares', async () => {
    const expression = ['data', ...Array.from({ length: 200 }, () => '[@,@]')].join(' | ');
    const expressions = jmespath();
    expect(expressions.check(expression)).toBeNull();
    expect(await failureOf(expressions.evaluate(expression, EVENT))).toContain('65536 bytes');
  });

  it.each([
    ['text', ['data.text', ...Array.from({ length: 60 }, () => "join('', [@,@])")]],
    ['lists', ['[data]', ...Array.from({ length: 60 }, () => '[@,@][]')]],
    ['JSON of JSON', ['data', ...Array.from({ length: 60 }, () => 'to_string([@])')]],
  ])('where it takes too much for %s', async (_what, steps) => {
    const expressions = jmespath({ timeoutMs: 2000 });
    await failureOf(expressions.evaluate(steps.join(' | '), EVENT));
    expect(Buffer.from(await expressions.evaluate('data.order.id', EVENT)).toString()).toBe('7');
  });

  it('where it takes too long: others go on meanwhile, and after it', async () => {
    // Enough for what takes no time, on a machine with other work too.
    const expressions = jmespath({ timeoutMs: 1000 });
    // Warm, so that the next one does not wait for the start.
    await expressions.evaluate('@', EVENT);
    const numbers = eventOf(JSON.stringify(Array.from({ length: 300 }, (_, n) => n)));
    const startedMs = performance.now();
    let turns = 0;
    const progress = { isOver: false };
    const slow = failureOf(expressions.evaluate(SLOW, numbers)).finally(
      () => (progress.isOver = true),
    );
    while (!progress.isOver) {
      await turn();
      turns++;
    }
    expect(await slow).toBe('The expression took longer than 1 s.');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(999);
    expect(turns).toBeGreaterThan(10);
    expect(Buffer.from(await expressions.evaluate('data.order.id', EVENT)).toString()).toBe('7');
  });

  it('where the sender is stopping', async () => {
    const expressions = jmespath();
    const waiting = [1, 2, 3].map(() => failureOf(expressions.evaluate('@', EVENT)));
    await expressions.close();
    for (const failure of await Promise.all(waiting)) expect(failure).toContain('stopping');
    expect(await failureOf(expressions.evaluate('@', EVENT))).toContain('stopping');
  });
});

/** Each of 300 numbers is looked at for each of them, four times over: minutes of work. */
const SLOW = 'let $all = data in data[*].[$all[*].[$all[*].[$all[*].[@][]][]][]] | length(@)';

it('tenants take turns: one with much to do delays no other', async () => {
  const expressions = jmespath();
  const order: string[] = [];
  const evaluate = async (tenantId: string) => {
    await expressions.evaluate('@', eventOf('1', { tenantId }));
    order.push(tenantId);
  };
  await Promise.all([...Array.from({ length: 20 }, () => evaluate('much')), evaluate('little')]);
  expect(order.indexOf('little')).toBeLessThanOrEqual(2);
});

/** Small grammar of expressions: most are good, many make no sense for the event. */
const { expression: EXPRESSIONS } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      '@',
      'data',
      'data.order.lines',
      'topic',
      '`[1,2]`',
      "'x'",
      '`0`',
      'constructor',
      '*',
      '[]',
    ),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom(' | ', ' || ', ' && ', '.', ' == ', ' < '),
        tie('expression'),
      )
      .map((parts) => parts.join('')),
    fc
      .tuple(
        fc.constantFrom(
          'length',
          'keys',
          'join',
          'sort_by',
          'map',
          'max_by',
          'to_string',
          'reverse',
          'split',
        ),
        tie('expression'),
        tie('expression'),
      )
      .map(([name, left, right]) => `${name}(&${left}, ${right})`),
    fc.tuple(tie('expression'), tie('expression')).map(([left, right]) => `[${left}, ${right}]`),
    fc
      .tuple(tie('expression'), tie('expression'))
      .map(([left, right]) => `{a: ${left}, b: ${right}}`),
    fc.tuple(tie('expression'), tie('expression')).map(([left, right]) => `${left}[?${right}]`),
  ),
}));

it('whatever expression it is: JSON of a bounded size, or a sentence', async () => {
  const expressions = jmespath({ maxBytes: 5000 });
  const outcomes = { bodies: 0, sentences: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(EXPRESSIONS, async (expression) => {
      const problem = expressions.check(expression);
      if (problem !== null) {
        expect(problem).toMatch(/^[A-Z].*\.$/s);
        outcomes.refused++;
        return;
      }
      try {
        const body = await expressions.evaluate(expression, EVENT);
        expect(body.length).toBeLessThanOrEqual(5000);
        JSON.parse(Buffer.from(body).toString());
        outcomes.bodies++;
      } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        expect(error.message).toMatch(/^[A-Z].*\.$/s);
        outcomes.sentences++;
      }
    }),
    { numRuns: 500, seed: 9421 },
  );
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(0);
});
