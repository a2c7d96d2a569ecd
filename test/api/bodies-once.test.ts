/** What does not differ between an event's destinations is made once: its body, whatever the profile or expression. */
import { expect, it } from 'vitest';

import { useApi } from '../support/api-server.ts';

const PROFILES = ['standard', 'baack', 'basekit', 'balkanid', 'baxcloud'];
const DESTINATIONS = 4;

/** The very bytes that were handed over to be signed and sent, by profile and event. */
const handedOver = new Map<string, Uint8Array[]>();
let evaluated = 0;

const api = useApi({
  wrapType: (type) => ({
    ...type,
    open(destination) {
      const sender = type.open(destination);
      return {
        send(message) {
          const key = `${destination.profile.name} ${message.event.id}`;
          handedOver.set(key, [...(handedOver.get(key) ?? []), message.body]);
          return sender.send(message);
        },
      };
    },
  }),
  wrapExpressions: (expressions) => ({
    check: (expression) => expressions.check(expression),
    evaluate(expression, event) {
      evaluated++;
      return expressions.evaluate(expression, event);
    },
  }),
});

/**
 * Where nodes share a database, a lane is a node's from its first delivery on, which is claimed from there: lane by lane,
 * and so read for each. Those that follow are handed over from memory.
 */
async function takeLanes(
  tenant: string,
  topic: string,
  paths: readonly string[],
  each: number,
): Promise<void> {
  await api().publish({ tenant_id: tenant, topic, data: {} });
  for (const path of paths) await api().receiver.wait(path, each);
  // What is published while something is being claimed is claimed after it. A claim has places in memory.
  await expect.poll(() => api().engine.dispatcher.inMemory).toBe(0);
}

it.each(PROFILES)('the body of %s', async (profile) => {
  const tenant = await api().tenant();
  const path = `/once-${profile}`;
  for (let nth = 0; nth < DESTINATIONS; nth++)
    await api().destination(tenant, {
      profile,
      config: { url: api().receiver.url(path) },
      ...(profile === 'baack' ? { credentials: { secret: `of number ${nth}` } } : {}),
    });
  await takeLanes(tenant, 'a.create', [path], DESTINATIONS);
  const events: string[] = [];
  for (const nth of [1, 2]) {
    const { body } = await api().publish({ tenant_id: tenant, topic: 'a.create', data: { nth } });
    events.push(body.id);
  }
  await api().receiver.wait(path, 3 * DESTINATIONS);
  const [first, second] = events.map((id) => handedOver.get(`${profile} ${id}`) ?? []);
  for (const bodies of [first, second]) {
    expect(bodies).toHaveLength(DESTINATIONS);
    // Not equal ones: the same.
    expect(new Set(bodies).size).toBe(1);
  }
  expect(first?.[0]).not.toBe(second?.[0]);
});

it('the body of an expression, though its destinations ask for it at the same moment', async () => {
  const tenant = await api().tenant();
  const expression = '{"only": data.kept}';
  const make = (nth: number, own: string) =>
    api().destination(tenant, {
      config: { url: api().receiver.url(`/once-jmespath-${nth}`) },
      format: 'jmespath',
      expression: own,
    });
  for (let nth = 0; nth < DESTINATIONS; nth++) await make(nth, expression);
  await make(DESTINATIONS, 'data');
  const paths = Array.from({ length: DESTINATIONS + 1 }, (_, nth) => `/once-jmespath-${nth}`);
  await takeLanes(tenant, 'a', paths, 1);
  const before = evaluated;
  await api().publish({ tenant_id: tenant, topic: 'a', data: { kept: 1, left: 2 } });
  for (const path of paths.slice(0, DESTINATIONS)) {
    const [, received] = await api().receiver.wait(path, 2);
    expect(received?.body.toString()).toBe('{"only":1}');
  }
  const [, plain] = await api().receiver.wait(`/once-jmespath-${DESTINATIONS}`, 2);
  expect(plain?.body.toString()).toBe('{"kept":1,"left":2}');
  expect(evaluated - before).toBe(2);
});
