/** A tenant of which something stands in every table. */
import type { Storage } from '../../src/storage/storage.ts';
import {
  attemptOf,
  auditEntryOf,
  destinationOf,
  eventFor,
  jsonBytes,
  outcomesOf,
} from './storage-fixtures.ts';

export const AUTHOR = auditEntryOf();

function clientOf(tenantId: string, mark: string) {
  return {
    tenantId,
    urn: `urn-${mark}`,
    name: mark,
    clientId: mark,
    scope: 'webhook',
    permissions: 'all',
    token: { prefix: mark, hash: Buffer.from(mark) },
    previousToken: null,
    certificateExpiresAtMs: null,
    createdAtMs: 1,
    updatedAtMs: 1,
    expiresAtMs: null,
    revokedAtMs: null,
    revision: 1,
    sealedSecrets: Buffer.from(mark),
  } as const;
}

/** All its words contain the mark. */
export async function fillTenant(storage: Storage, mark: string): Promise<void> {
  const id = `tenant-${mark}`;
  const settings = { name: mark, contacts: [{ email: `${mark}@example.com` }] };
  await storage.tenantUpsert({ id, metadata: { [mark]: mark }, settings, author: AUTHOR });
  const sealed = Buffer.from(mark);
  await storage.tenantSecretsPut({ id, sealed, ifRevision: 0 });
  for (const destinationId of [`d-${mark}`, `gone-${mark}`]) {
    const destination = destinationOf(id, destinationId, {
      config: { url: `https://${mark}.example.com` },
      sealedCredentials: sealed,
    });
    await storage.destinationInsert({ destination, maxPerTenant: 10 });
  }
  await storage.destinationDelete({ tenantId: id, id: `gone-${mark}` });
  const event = await eventFor(storage, id, {
    id: `event-${mark}`,
    metadata: JSON.stringify({ mark }),
    orderKey: mark,
    data: jsonBytes({ mark }),
    toClaimed: [`d-${mark}`],
  });
  const [outcome] = await outcomesOf(storage, event, { ...event, id: null });
  if (outcome?.kind !== 'stored') throw new Error('the event was not stored');
  const attempt = attemptOf({ seq: outcome.seq, ordinal: 0 }, { startedAtMs: Date.now() });
  const shape = { url: `https://${mark}.example.com`, headers: mark, payload: 'standard' };
  await storage.record({ attempts: [{ ...attempt, request: { shape, headers: mark } }] });
  const replay = {
    id: `replay-${mark}`,
    tenantId: id,
    destinationId: `d-${mark}`,
    criteria: {
      select: 'all',
      time: { fromMs: null, toMs: null },
      topics: [mark],
      filter: null,
      order: 'time',
    },
    ratePerMinute: null,
    count: 1,
    createdBy: mark,
    createdAtMs: 1,
  } as const;
  const told = { tenantId: id, destinationId: `d-${mark}`, reason: mark, nowMs: 1, gapMs: 0 };
  const recipients = [`${mark}@example.com`, `refused-${mark}@example.com`];
  const item = { id: mark, atMs: 1, data: { mark } };
  await storage.mailAdd({ ...told, recipients, item });
  await storage.mailRefuse({ tenantId: id, recipient: `refused-${mark}@example.com` });
  await storage.clientInsert({ client: clientOf(id, mark), maxPerTenant: 1 });
  await storage.replayInsert({ replay, maxOpen: 1 });
  const due = { eventSeq: outcome.seq, destinationId: `d-${mark}`, order: 'none' } as const;
  const slice = { id: replay.id, from: null, to: [1], isEnd: false, deliveries: [due], nowMs: 1 };
  await storage.replayAdvance(slice);
}
