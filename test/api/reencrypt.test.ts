/** POST /keys/reencrypt, on a database with secrets under two keys. */
import { describe, expect, it } from 'vitest';

import { systemRandom } from '../../src/domain/id.ts';
import {
  createSealedBoxes,
  credentialsPlace,
  tenantSecretsPlace,
} from '../../src/domain/sealed-box.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import type { Answer, ApiServer } from '../support/api-server.ts';
import { withApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';
import { destinationOf } from '../support/storage-fixtures.ts';

interface Slice {
  readonly checked: number;
  readonly resealed: number;
  readonly under_other_keys: number;
  readonly next: string | null;
}

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const OLD_KEY = Buffer.alloc(32, 2);
const LOST_KEY = Buffer.alloc(32, 3);
const PATH = '/v1/keys/reencrypt';
const oldBoxes = createSealedBoxes([OLD_KEY], systemRandom);
const lostBoxes = createSealedBoxes([LOST_KEY], systemRandom);

/** Destinations whose secrets were sealed under another key, as a server before this one did. */
async function insertSealed(
  { engine }: ApiServer,
  tenantId: string,
  ids: readonly string[],
  boxes = oldBoxes,
): Promise<void> {
  for (const id of ids) {
    const sealed = boxes.seal(JSON.stringify({ secret: SECRET }), credentialsPlace(tenantId, id));
    await engine.storage.destinationInsert({
      destination: destinationOf(tenantId, id, { sealedCredentials: sealed }),
      maxPerTenant: 1000,
    });
  }
  await engine.routing.refresh(tenantId);
}

async function walk(api: ApiServer, limit: number): Promise<Slice[]> {
  const slices: Slice[] = [];
  let next: string | null = null;
  do {
    const answer: Answer<Slice> = await api.post<Slice>(PATH, { next, limit });
    expect(answer.status, answer.text).toBe(200);
    slices.push(answer.body);
    ({ next } = answer.body);
  } while (next !== null);
  return slices;
}

const total = (slices: readonly Slice[]) => ({
  checked: slices.reduce((sum, { checked }) => sum + checked, 0),
  resealed: slices.reduce((sum, { resealed }) => sum + resealed, 0),
  under_other_keys: slices.reduce((sum, each) => sum + each.under_other_keys, 0),
});

describe('POST /keys/reencrypt', () => {
  it.each([1, 2, 1000])('moves all secrets, %i a slice, and a second time none', async (limit) => {
    await withApi({ olderKeys: [OLD_KEY] }, async (api) => {
      const tenantId = await api.tenant();
      await insertSealed(api, tenantId, ['a', 'b', 'c']);
      await api.destination(tenantId, { id: 'new' });
      await api.destination(tenantId, { id: 'shares', profile: 'basekit' });
      await api.engine.storage.tenantSecretsPut({
        id: tenantId,
        sealed: oldBoxes.seal(
          '{"basekit":{"secret":"0123456789abcdef"}}',
          tenantSecretsPlace(tenantId),
        ),
        ifRevision: 1,
      });

      expect(total(await walk(api, limit))).toEqual({
        checked: 6,
        resealed: 4,
        under_other_keys: 0,
      });
      expect(total(await walk(api, limit))).toEqual({
        checked: 6,
        resealed: 0,
        under_other_keys: 0,
      });
      const { boxes } = api.engine.targets;
      for (const stored of await api.engine.storage.destinationList({ tenantId }))
        expect(boxes.isCurrent(stored.sealedCredentials), stored.id).toBe(true);
      const path = `/v1/tenants/${tenantId}/destinations`;
      const { body: a } = await api.get<DestinationView>(`${path}/a`);
      expect(a.credentials['secret']).toBe(SECRET);
      const { body: shares } = await api.get<DestinationView>(`${path}/shares`);
      expect(shares.credentials['secret']).toBe('0123456789abcdef');
    });
  });

  it('counts what no key opens, and goes on', async () => {
    await withApi({ olderKeys: [OLD_KEY] }, async (api) => {
      const tenantId = await api.tenant();
      await insertSealed(api, tenantId, ['lost'], lostBoxes);
      await insertSealed(api, tenantId, ['old']);
      const expected = { checked: 2, under_other_keys: 1 };
      expect(total(await walk(api, 1))).toEqual({ ...expected, resealed: 1 });
      expect(total(await walk(api, 1))).toEqual({ ...expected, resealed: 0 });
    });
  });

  it('gives way to a change at the same moment', async () => {
    let beforeReseal: () => Promise<void> = () => Promise.resolve();
    await withApi(
      {
        olderKeys: [OLD_KEY],
        wrap: (storage) => ({
          ...storage,
          reseal: async (query) => {
            await beforeReseal();
            return storage.reseal(query);
          },
        }),
      },
      async (api) => {
        const tenantId = await api.tenant();
        await insertSealed(api, tenantId, ['a', 'b']);
        const changed = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;
        beforeReseal = async () => {
          beforeReseal = () => Promise.resolve();
          const key = { tenantId, id: 'a' };
          await changeDestination(api.engine, key, { credentials: { secret: changed } });
        };
        expect(total(await walk(api, 1000))).toEqual({
          checked: 2,
          resealed: 1,
          under_other_keys: 0,
        });
        const path = `/v1/tenants/${tenantId}/destinations`;
        const { body: a } = await api.get<DestinationView>(`${path}/a`);
        expect(a.credentials['secret']).toBe(changed);
        const { body: b } = await api.get<DestinationView>(`${path}/b`);
        expect(b.credentials['secret']).toBe(SECRET);
      },
    );
  });

  it('wants a `next` of its own', async () => {
    await withApi({}, async (api) => {
      expect((await api.post<Slice>(PATH)).body).toEqual({
        checked: 0,
        resealed: 0,
        under_other_keys: 0,
        next: expect.any(String) as string,
      });
      for (const next of [
        'x',
        '',
        Buffer.from('9,0').toString('base64url'),
        Buffer.from('0,-1').toString('base64url'),
        Buffer.from('0,0,0').toString('base64url'),
      ]) {
        const { status, body } = await api.post<ErrorView>(PATH, { next });
        expect({ next, status }).toEqual({ next, status: 422 });
        expect(body.errors).toMatchObject([{ pointer: '/next', code: 'cursor' }]);
      }
      for (const body of [{ limit: 0 }, { limit: 10_001 }, { limits: 1 }])
        expect((await api.post(PATH, body)).status).toBe(422);
    });
  });
});
