/** Asks a token server for a token, over the same guarded connections as messages go out. */
import type * as Oauth from 'oauth4webapi';
import { parseHeaderLines } from '../../../domain/attempt.ts';
import type { AttemptResponse, FailureReason, Outcome } from '../../../domain/attempt.ts';
import { Exchange } from '../exchange.ts';
import type { AnswerRule } from '../exchange.ts';
import type { WebhookOptions } from '../options.ts';
import type { Channel, WebhookPools } from '../pools.ts';
import { bearerAuthorization } from './bearer.ts';
import type { Oauth2Auth } from './oauth2.ts';
import { cryptoKey } from './signing-key.ts';
import type { TokenResult } from './token-cache.ts';

const TIMEOUT_MS = 10_000;
/** Only 200 holds a token; it is this file that says what of the others. */
const TOKEN_ANSWER: AnswerRule = {
  success: { fromStatus: 200, toStatus: 200 },
  retried: { statuses: { allBut: [] }, reasons: null },
};
/** RFC 6749, 5.2, and RFC 8707, 2: what may be repeated to the tenant. */
const ERROR_CODES = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
];

const UNREACHED = new Map<FailureReason, string>([
  ['timeout', 'The token server did not answer in time.'],
  ['dns', 'The token server’s name did not resolve.'],
  [
    'tls',
    'TLS with the token server failed: its certificate must be valid, for its name, and of a trusted authority.',
  ],
  ['blocked_address', 'The token server’s name leads to an address that is not called.'],
]);

export interface TokenServer {
  readonly auth: Oauth2Auth;
  readonly channel: Channel;
  readonly pools: WebhookPools;
  readonly options: WebhookOptions;
}

/**
 * Never rejects.
 *
 * @throws Error where the stored key cannot be used.
 */
export function tokenFetcher(server: TokenServer): () => Promise<TokenResult> {
  const { auth } = server;
  const authenticate: Authenticate =
    auth.token_endpoint_auth_method === 'private_key_jwt'
      ? privateKeyAuth(auth)
      : (oauth) => secretAuth(oauth, auth);
  return () => fetchToken(server, authenticate);
}

/** Late: the library is loaded with the first token, as most servers ask for none. */
type Authenticate = (oauth: typeof Oauth) => Oauth.ClientAuth;
type PrivateKeyAuth = Extract<Oauth2Auth, { token_endpoint_auth_method: 'private_key_jwt' }>;
type SecretAuth = Exclude<Oauth2Auth, PrivateKeyAuth>;

async function fetchToken(server: TokenServer, authenticate: Authenticate): Promise<TokenResult> {
  const { token_url: tokenUrl, client_id: clientId, scope, audience } = server.auth;
  const issuer = { issuer: tokenUrl, token_endpoint: tokenUrl };
  const client = { client_id: clientId };
  let outcome: Outcome | null = null;
  try {
    const oauth = await import('oauth4webapi');
    const response = await oauth.clientCredentialsGrantRequest(
      issuer,
      client,
      authenticate(oauth),
      {
        ...(scope === undefined ? {} : { scope }),
        ...(audience === undefined ? {} : { audience }),
      },
      {
        // The connector decides where plain http may go.
        // oxlint-disable-next-line typescript/no-deprecated -- so marked only to stand out
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: async (_url, { headers, body }) => {
          outcome = await exchange(server, headers, body);
          return responseOf(outcome);
        },
      },
    );
    const { access_token: token, expires_in: lifeS } = await oauth.processClientCredentialsResponse(
      issuer,
      client,
      response,
    );
    if (bearerAuthorization(token) === null) return refused(outcome);
    return { ok: true, token, lifeMs: lifeS === undefined ? null : lifeS * 1000 };
  } catch {
    return refused(outcome);
  }
}

function secretAuth(oauth: typeof Oauth, auth: SecretAuth): Oauth.ClientAuth {
  switch (auth.token_endpoint_auth_method) {
    case 'client_secret_basic':
      return oauth.ClientSecretBasic(auth.client_secret);
    case 'client_secret_post':
      return oauth.ClientSecretPost(auth.client_secret);
  }
}

/** The key is read at once: whether it can be used does not wait for a token. */
function privateKeyAuth(auth: PrivateKeyAuth): Authenticate {
  const algorithm = auth.token_endpoint_auth_signing_alg;
  const key = cryptoKey(auth.private_key, algorithm);
  return ({ PrivateKeyJwt, modifyAssertion }) =>
    PrivateKeyJwt(auth.key_id === undefined ? { key } : { key, kid: auth.key_id }, {
      // Ed25519 has two names (RFC 8037 and RFC 9864); servers know this one.
      [modifyAssertion]: (header) => void (header['alg'] = algorithm),
    });
}

function exchange(
  { auth, channel, pools, options }: TokenServer,
  headers: Readonly<Record<string, string>>,
  body: URLSearchParams,
): Promise<Outcome> {
  return new Exchange({
    pool: pools.pool(channel),
    request: {
      method: 'POST',
      path: auth.token_url.slice(channel.origin.length),
      headers: { ...headers, 'user-agent': options.userAgent, 'accept-encoding': 'identity' },
      body: body.toString(),
    },
    timeoutMs: TIMEOUT_MS,
    profile: TOKEN_ANSWER,
    clock: options.clock,
    before: null,
  }).run();
}

/** Throws where there was no answer. */
function responseOf({ response }: Outcome): Response {
  if (response === null) throw new Error('no answer');
  const { status, headers, body } = response;
  return new Response(body.length === 0 ? null : Buffer.from(body), {
    status,
    headers: parseHeaderLines(headers),
  });
}

function refused(outcome: Outcome | null): TokenResult {
  return { ok: false, detail: detailOf(outcome) };
}

function detailOf(outcome: Outcome | null): string {
  if (outcome === null) return 'The request for a token could not be made.';
  const { response } = outcome;
  if (response === null)
    return outcome.kind === 'failed' ? unreached(outcome.reason) : unreached('connection');
  if (response.status === 200) return 'The token server’s answer holds no bearer token.';
  const code = errorCode(response);
  const why = code === undefined ? '' : ` (${code})`;
  return `The token server answered with status ${response.status}${why}.`;
}

function unreached(reason: FailureReason): string {
  return UNREACHED.get(reason) ?? 'The token server could not be reached.';
}

function errorCode({ body }: AttemptResponse): string | undefined {
  try {
    const { error } = JSON.parse(Buffer.from(body).toString()) as { error?: unknown };
    return ERROR_CODES.find((code) => code === error);
  } catch {
    return undefined;
  }
}
