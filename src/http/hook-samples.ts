/** Samples of an event as hooks push it, each with an `id`, as tools such as Zapier ask of a polling URL. */
import type { Event } from '../domain/event.ts';
import { objectMembers } from '../domain/json-members.ts';
import { renderPayload } from '../domain/payload.ts';
import type { Profile } from '../domain/profile.ts';
import type { Engine } from '../engine/engine.ts';

const SAMPLE_ID = 'sample';

/** JSON text of a list: of recent events, newest first, else of the catalogue's sample, else empty. */
export async function hookSamples(
  engine: Engine,
  { payload }: Profile,
  { tenantId, topic, limit }: { tenantId: string; topic: string; limit: number },
): Promise<string> {
  const { rows } = await engine.storage.eventList({
    ids: [],
    tenantIds: [tenantId],
    topics: [topic],
    destinationId: null,
    time: { fromMs: null, toMs: null },
    page: { limit, order: 'desc', from: null },
  });
  const events: readonly Event[] = rows.length > 0 ? rows : catalogueSample();
  const samples = await Promise.all(
    events.map(async (event) => {
      const body = await renderPayload(payload, event, engine.expressions);
      return withId(Buffer.from(body), event.id);
    }),
  );
  return `[${samples.join(',')}]`;

  function catalogueSample(): Event[] {
    const sample = engine.catalogue.get(topic)?.sample ?? null;
    if (sample === null) return [];
    const data = Buffer.from(JSON.stringify(sample));
    const timeMs = engine.clock.nowMs();
    return [{ ...NOTHING, id: SAMPLE_ID, tenantId, topic, timeMs, data }];
  }
}

const NOTHING = {
  seq: 0,
  eligibleForRetry: true,
  metadata: null,
  resource: null,
  test: true,
} as const;

/** The published bytes stay as they are; an `id` of their own is the better one. */
function withId(body: Buffer, id: string): string {
  const text = body.toString('utf8');
  if (objectMembers(body, 0, Infinity).some(({ name }) => name === 'id')) return text;
  const rest = text.slice(text.indexOf('{') + 1);
  const comma = rest.trimStart().startsWith('}') ? '' : ',';
  return `{"id":${JSON.stringify(id)}${comma}${rest}`;
}
