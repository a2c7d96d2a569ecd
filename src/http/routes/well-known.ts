/** What anybody may know of this instance (RFC 8615). Open without a key. */
import type { FastifyInstance } from 'fastify';
import { arrayOf, literal, object, string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';

/** So long a receiver may go without asking again; for a key that he does not know he asks anyway. */
const MAX_AGE_S = 300;

const KeySet = object({
  keys: arrayOf(
    object({
      kty: literal('OKP'),
      crv: literal('Ed25519'),
      x: string(),
      kid: string({ description: 'Thumbprint of the key (RFC 7638): `keyid` of signatures.' }),
      use: literal('sig'),
      alg: literal('EdDSA'),
    }),
  ),
});

export function wellKnownRoutes(server: FastifyInstance, { publicKeys }: ServerParts): void {
  server.get(
    '/.well-known/jwks.json',
    {
      config: { operation: 'public_keys.get' },
      schema: {
        tags: ['signing'],
        summary: 'The public keys of this instance',
        description:
          'Destinations with `http_signature` by `ed25519` get messages that are signed by the first of them.',
        response: { 200: KeySet },
      },
    },
    (_request, reply) =>
      reply.header('cache-control', `public, max-age=${MAX_AGE_S}`).send({ keys: publicKeys }),
  );
}
