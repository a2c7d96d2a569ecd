/** Who verifies HTTP message signatures (RFC 9421): two libraries of others, and the kit; asked in one way. */
import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { verifySignature } from 'http-message-sig';
import { createVerifier, httpbis } from 'http-message-signatures';
import { verifyHttpSignature } from '../../sdk/src/index.ts';
import type { PublicJwk } from '../../src/domain/instance-keys.ts';
import type { ReceivedRequest } from './receiver.ts';

/** By which a receiver verifies. */
export type VerificationKey =
  | { readonly algorithm: 'hmac-sha256'; readonly secret: Buffer }
  | { readonly algorithm: 'ed25519'; readonly jwk: PublicJwk };

export interface Expectation {
  readonly keyId: string;
  readonly key: VerificationKey;
  readonly components: readonly string[];
  /** Which signature; by default there is only one. */
  readonly label?: string;
}

type Verification = (request: ReceivedRequest, expected: Expectation) => Promise<boolean>;

export const VERIFICATIONS: readonly (readonly [name: string, isGood: Verification])[] = [
  ['http-message-signatures', byHttpMessageSignatures],
  ['http-message-sig', byHttpMessageSig],
  ['@angarium/sdk', byKit],
];

/** RFC 9530. */
export function isDigestOf({ headers, body }: ReceivedRequest): boolean {
  const digest = createHash('sha256').update(body).digest('base64');
  return headers['content-digest'] === `sha-256=:${digest}:`;
}

/** It takes a message for good when one of its signatures is. */
async function byHttpMessageSignatures(
  request: ReceivedRequest,
  { keyId, key, components }: Expectation,
): Promise<boolean> {
  const material = key.algorithm === 'ed25519' ? publicKeyOf(key.jwk) : key.secret;
  const verified = await httpbis
    .verifyMessage(
      {
        keyLookup: ({ keyid }) =>
          Promise.resolve(
            keyid === keyId
              ? {
                  id: keyId,
                  algs: [key.algorithm],
                  verify: createVerifier(material, key.algorithm),
                }
              : null,
          ),
        requiredFields: [...components],
        requiredParams: ['created', 'keyid', 'alg'],
        maxAge: 60,
        tolerance: 5,
      },
      { method: request.method, url: targetOf(request), headers: { ...request.headers } },
    )
    .catch(() => false);
  return verified === true;
}

async function byHttpMessageSig(
  request: ReceivedRequest,
  { keyId, key, components, label }: Expectation,
): Promise<boolean> {
  try {
    await verifySignature(
      {
        kind: 'request',
        method: request.method,
        targetUri: targetOf(request),
        fields: Object.entries(request.headers).map(([name, value]) => ({ name, value })),
      },
      {
        ...(label === undefined ? {} : { label }),
        policy: {
          algorithms: [key.algorithm],
          requiredComponents: [...components],
          requiredParameters: ['created', 'keyid', 'alg'],
          maxAge: 60,
          clockSkew: 5,
        },
        resolveVerifier: ({ parameters }) => {
          if (parameters.keyid !== keyId) throw new Error('another key');
          return {
            algorithm: key.algorithm,
            verify: (data, signature) => isBy(key, data, signature),
          };
        },
      },
    );
    return true;
  } catch {
    return false;
  }
}

/** It has a secret for every key id: it does not look whose signature it is. */
async function byKit(
  { method, headers, body, ...request }: ReceivedRequest,
  { keyId, key, components }: Expectation,
): Promise<boolean> {
  const result = await verifyHttpSignature(
    { method, url: targetOf({ method, headers, body, ...request }), headers, body },
    {
      ...(key.algorithm === 'ed25519'
        ? { keys: { keys: [key.jwk] } }
        : { secret: `whsec_${key.secret.toString('base64')}`, profile: 'standard' }),
      required: components,
    },
  );
  return result.ok && result.keyId === keyId;
}

function isBy(key: VerificationKey, data: Uint8Array, signature: Uint8Array): boolean {
  if (key.algorithm === 'ed25519') return verify(null, data, publicKeyOf(key.jwk), signature);
  const expected = createHmac('sha256', key.secret).update(data).digest();
  return signature.length === expected.length && timingSafeEqual(expected, signature);
}

function publicKeyOf({ kty, crv, x }: PublicJwk) {
  return createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
}

/** What a receiver knows of it: the host that was asked for, and the path and query as they came. */
function targetOf({ headers, path }: ReceivedRequest): string {
  return `http://${headers['host']}${path}`;
}
