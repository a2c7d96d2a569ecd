/** Token servers: a real one (oidc-provider), and one that answers what a test writes. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { onTestFinished } from 'vitest';
import { answerText, startRawReceiver, type RawReceiver, type RawRequest } from './raw-receiver.ts';

export const CLIENT = { client_id: 'angarium client', client_secret: 's3cret: with "all" +%&=' };

export interface ProviderServer {
  readonly tokenUrl: string;
  /** What it knows of a token that it gave. */
  find(
    token: string,
  ): Promise<{ clientId: string | undefined; scope: string | undefined } | undefined>;
}

/** It knows one client, by secret or by the public key of `key` (PEM). */
export async function startProvider(
  authMethod: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt',
  key?: { pem: string; algorithm: string; kid: string },
): Promise<ProviderServer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwks =
    key === undefined
      ? {}
      : {
          jwks: { keys: [{ ...createPublicKey(key.pem).export({ format: 'jwk' }), kid: key.kid }] },
        };
  const provider = new Provider(issuer, {
    clients: [
      {
        ...(key === undefined ? CLIENT : { client_id: CLIENT.client_id }),
        ...jwks,
        token_endpoint_auth_method: authMethod,
        ...(key === undefined ? {} : { token_endpoint_auth_signing_alg: key.algorithm as 'RS256' }),
        grant_types: ['client_credentials'],
        id_token_signed_response_alg: 'ES256',
        response_types: [],
        redirect_uris: [],
        scope: 'events:write',
      },
    ],
    scopes: ['events:write'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 600 },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
    cookies: { keys: ['of this test'] },
    enabledJWA: {
      clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
    },
  });
  server.on('request', (request, response) => void provider.callback()(request, response));
  return {
    tokenUrl: `${issuer}/token`,
    async find(token) {
      const found = await provider.ClientCredentials.find(token);
      return found === undefined ? undefined : { clientId: found.clientId, scope: found.scope };
    },
  };
}

/** Gives the tokens `token-1`, `token-2`, ..., unless `answer` says otherwise. */
export function startTokenServer(
  answer: (request: RawRequest, count: number) => Buffer | null = (_request, count) =>
    tokenAnswer(`token-${count}`),
): Promise<RawReceiver> {
  let count = 0;
  return startRawReceiver((request) => {
    const bytes = answer(request, ++count);
    if (bytes !== null) request.socket.write(bytes);
  });
}

export function tokenAnswer(token: string, expiresIn?: number): Buffer {
  return jsonAnswer('200 OK', {
    access_token: token,
    token_type: 'Bearer',
    ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
  });
}

export function jsonAnswer(status: string, body: unknown): Buffer {
  return answerText(status, ['content-type: application/json'], JSON.stringify(body));
}
