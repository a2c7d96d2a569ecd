/** Whatever comes, the kit answers with a value; and no other bytes than the signed ones pass. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareClocks,
  mergeClocks,
  parseVectorClock,
  PROFILES,
  verify,
  verifyHttpSignature,
} from '../../sdk/src/index.ts';
import type { BodyInput, HeadersInput, ProfileName, Secrets } from '../../sdk/src/index.ts';
import { parseDictionary } from '../../sdk/src/structured-fields.ts';
import { AT_MS, CASES, caseOf, messageOf } from '../support/sdk-messages.ts';

const profiles = fc.constantFrom(...(Object.keys(PROFILES) as ProfileName[]));
const names = fc.constantFrom(
  ...CASES.flatMap(({ signatureHeader, signedHeaders }) => [signatureHeader, ...signedHeaders]),
  'x-outpost-timestamp',
  'signature',
  'signature-input',
  'content-digest',
);
const pieces = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'v1,',
    'v1a,',
    'v0=',
    ',',
    ' ',
    'sig=("@method");created=1',
    'sig=:AAAA:',
    'sig=(',
    '1795258481',
    '2026-11-21T10:00:00.000',
    'x-baack-timestamp, idempotency-key',
    'A'.repeat(86) + '==',
    'ab'.repeat(32),
  ),
);
const values = fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join(''));
const headers = fc.oneof(
  fc.dictionary(fc.oneof(names, fc.string()), fc.oneof(values, fc.array(values))),
  fc.array(fc.tuple(names, values)),
  fc.anything(),
);
const bodies = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array(), fc.json(), fc.anything());
const secrets = fc.oneof(
  fc.constantFrom(...CASES.map(({ secret }) => secret)),
  fc.string(),
  fc.anything(),
);

describe('nothing throws, and nothing that was not signed is good', () => {
  it('in verify', async () => {
    await fc.assert(
      fc.asyncProperty(profiles, headers, bodies, secrets, async (profile, some, body, secret) => {
        const result = await verify(
          profile,
          some as HeadersInput,
          body as BodyInput,
          secret as Secrets,
          { toleranceS: Number.POSITIVE_INFINITY },
        );
        expect(result).toMatchObject({ ok: false });
      }),
      { numRuns: 1500 },
    );
  });

  it('in verifyHttpSignature', async () => {
    const urls = fc.oneof(fc.webUrl(), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(headers, bodies, urls, fc.anything(), async (some, body, url, keys) => {
        const result = await verifyHttpSignature(
          { method: 'POST', url, headers: some as HeadersInput, body: body as BodyInput },
          { secret: 'a secret', keys: keys as never, required: [] },
        );
        expect(result).toMatchObject({ ok: false });
      }),
      { numRuns: 1500 },
    );
  });

  it('in a good message of which one part is replaced', async () => {
    await fc.assert(
      fc.asyncProperty(profiles, fc.nat(), values, async (profile, which, value) => {
        const { headers: good, body } = messageOf(profile);
        const { signatureHeader, signedHeaders, secret } = caseOf(profile);
        const covered = [signatureHeader, ...signedHeaders, 'body'];
        const part = covered[which % covered.length] ?? 'body';
        const [name, before] =
          Object.entries(good).find(([key]) => key.toLowerCase() === part) ?? [];
        fc.pre(value.trim() !== (before ?? body).trim());
        const changed = name === undefined ? good : { ...good, [name]: value };
        const result = await verify(profile, changed, name === undefined ? value : body, secret, {
          now: () => AT_MS,
        });
        expect(result).toMatchObject({ ok: false });
      }),
      { numRuns: 1000 },
    );
  });
});

it('a dictionary of structured fields is read without ever throwing', () => {
  fc.assert(
    fc.property(values, (text) => {
      const members = parseDictionary(text);
      expect(members === null || members instanceof Map).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

describe('vector clocks', () => {
  const nodes = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString');
  const clocks = fc
    .array(fc.tuple(nodes, fc.nat({ max: 3 })), { maxLength: 4 })
    .map((entries) => parseVectorClock(Object.fromEntries(entries)) ?? {});

  it('compare the same from both sides', () => {
    const mirrored = {
      newer: 'older',
      older: 'newer',
      concurrent: 'concurrent',
      duplicate: 'duplicate',
    };
    fc.assert(
      fc.property(clocks, clocks, (a, b) => {
        expect(compareClocks(b, a)).toBe(mirrored[compareClocks(a, b)]);
      }),
    );
  });

  it('merge to one that knows both, and no more', () => {
    fc.assert(
      fc.property(clocks, clocks, (a, b) => {
        const merged = mergeClocks(a, b);
        expect(['newer', 'duplicate']).toContain(compareClocks(merged, a));
        expect(['newer', 'duplicate']).toContain(compareClocks(merged, b));
        if (compareClocks(a, b) !== 'concurrent')
          expect([compareClocks(merged, a), compareClocks(merged, b)]).toContain('duplicate');
      }),
    );
  });

  it('grow newer with each change, and are the same where a node counts 0', () => {
    expect(compareClocks({ a: 2, b: 1 }, { a: 1, b: 1 })).toBe('newer');
    expect(compareClocks({ a: 1 }, { a: 1, b: 1 })).toBe('older');
    expect(compareClocks({ a: 1 }, { b: 1 })).toBe('concurrent');
    expect(compareClocks({ a: 0 }, {})).toBe('duplicate');
    expect(compareClocks({}, { constructor: 1 })).toBe('older');
  });

  it.each([null, 'x', 1, [], [1], { a: -1 }, { a: 0.5 }, { a: '1' }, { a: 2 ** 53 }])(
    'are not read from %j',
    (value) => {
      expect(parseVectorClock(value)).toBeNull();
    },
  );
});
