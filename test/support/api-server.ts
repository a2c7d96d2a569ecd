/**
 * The real thing in one process: storage, engine, HTTP server, webhooks sent to a receiver on loopback. Every answer of
 * `request` is held against the OpenAPI document, and nothing may have failed when it is stopped.
 */
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll } from 'vitest';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import type { DestinationType } from '../../src/destinations/destination-type.ts';
import { createWebhookType } from '../../src/destinations/webhook/type.ts';
import type { KeyScope, TenantRole } from '../../src/domain/caller.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { MailLinks } from '../../src/domain/mail-link.ts';
import type { Expressions } from '../../src/domain/payload.ts';
import { createSealedBoxes } from '../../src/domain/sealed-box.ts';
import { deriveTokenKey } from '../../src/domain/token-key.ts';
import { createAccess } from '../../src/engine/access.ts';
import type { Access } from '../../src/engine/access.ts';
import type { DispatcherLimits } from '../../src/engine/dispatcher-parts.ts';
import { createEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createJmespath } from '../../src/expressions/jmespath.ts';
import { buildServer } from '../../src/http/server.ts';
import type { ServerLimits } from '../../src/http/server-parts.ts';
import { TenantTokens } from '../../src/http/tenant-token.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { metricsText, ProcessMetrics } from '../../src/telemetry/process-metrics.ts';
import { createAnswerCheck } from './api-document.ts';
import type { AnswerCheck, OpenapiDocument } from './api-document.ts';
import { startReceiver } from './api-receiver.ts';
import { openTestStorage } from './api-storage.ts';
import type { StorageOptions } from './api-storage.ts';
import type { Receiver } from './api-receiver.ts';
import type { CreatedKeyView, DestinationView, PublishedView } from './api-views.ts';
import { INSTANCE_KEY } from './instance-key.ts';

export const API_KEY = 'test-key-of-the-operator-0123456789';
export const ENCRYPTION_KEY = Buffer.alloc(32, 1);

const LIMITS: ServerLimits = {
  maxPayloadBytes: 1024 * 1024,
  maxBatchBytes: 16 * 1024 * 1024,
  retentionDays: 7,
  maxDestinationsPerTenant: 1000,
  maxPublishPerMinute: null,
};

const PROFILES: readonly Profile[] = [standard, baack, basekit, balkanid, baxcloud];

export interface ApiOptions extends StorageOptions {
  /** Beside those built in. */
  readonly profiles?: readonly Profile[];
  /** Encryption keys that open, and seal nothing any more. */
  readonly olderKeys?: readonly Uint8Array[];
  /** Of destinations that name none; `standard`. */
  readonly defaultProfile?: Profile;
  readonly limits?: Partial<ServerLimits>;
  /** Of what is in memory and under way. */
  readonly dispatcherLimits?: Partial<DispatcherLimits>;
  /** By default that of the machine. */
  readonly clock?: Clock;
  /** By default without a bound: wrong keys are sent all the time here. */
  readonly maxFailedSignIns?: number;
  readonly trustProxy?: readonly string[];
  readonly publicUrl?: string;
  readonly unknownTopics?: 'accept' | 'reject';
  readonly answersApi?: boolean;
  /** Patient by default: a machine with other work is slow, which is no matter of the tests. */
  readonly maxLookMs?: number;
  /** Lays something over the storage. */
  readonly wrap?: (storage: Storage) => Storage;
  /** Lays something over what evaluates expressions. */
  readonly wrapExpressions?: (expressions: Expressions) => Expressions;
  /** Lays something over the destination type. */
  readonly wrapType?: (type: DestinationType) => DestinationType;
}

export interface RequestOptions {
  /** An object is sent as JSON; text and bytes as they are, as JSON by name. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** `null`: none is sent. */
  readonly key?: string | null;
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The parsed text; `null` where it is empty or no JSON. */
  readonly body: Body;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** One server for the tests of a file, each of which makes tenants of its own. */
export function useApi(options: ApiOptions = {}): () => ApiServer {
  let running: ApiServer | undefined;
  beforeAll(async () => {
    running = await ApiServer.start(options);
  });
  afterAll(async () => {
    await running?.stop();
  });
  return () => {
    if (running === undefined) throw new Error('the server runs only while tests do');
    return running;
  };
}

/** A server for one test alone. */
export async function withApi(
  options: ApiOptions,
  test: (api: ApiServer) => Promise<void>,
): Promise<void> {
  const api = await ApiServer.start(options);
  try {
    await test(api);
  } finally {
    await api.stop();
  }
}

export class ApiServer {
  readonly server: FastifyInstance;
  readonly engine: Engine;
  readonly access: Access;
  readonly receiver: Receiver;
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** What was logged as failed. A test that provokes something takes it out. */
  readonly failures: Failure[];
  readonly warnings: readonly Warning[];
  readonly #document: string;
  readonly #check: AnswerCheck;
  readonly #close: () => Promise<void>;
  #tenants = 0;

  static async start(options: ApiOptions): Promise<ApiServer> {
    const failures: Failure[] = [];
    const opened = await openTestStorage(options);
    const storage = options.wrap?.(opened.storage) ?? opened.storage;
    const webhook = createWebhookType({
      guard: createAddressGuard({ allowedCidrs: ['127.0.0.0/8'] }),
      clock: systemClock,
      random: systemRandom,
      userAgent: 'Angarium/test',
      origin: 'sender.test',
      instanceKey: INSTANCE_KEY,
    });
    const warnings: Warning[] = [];
    const log = failureLog(failures, warnings);
    const metrics = new ProcessMetrics();
    const expressions = createJmespath({
      clock: systemClock,
      timeoutMs: 5000,
      maxBytes: LIMITS.maxPayloadBytes,
    });
    const type = options.wrapType?.(webhook) ?? webhook;
    const engine = createEngine({
      expressions: options.wrapExpressions?.(expressions) ?? expressions,
      storage,
      clock: options.clock ?? systemClock,
      random: systemRandom,
      log,
      schemas: createSchemaCompiler(),
      ...(options.unknownTopics === undefined ? {} : { unknownTopics: options.unknownTopics }),
      retentionDays: 7,
      measures: metrics,
      limits: options.dispatcherLimits ?? {},
      maxLookMs: options.maxLookMs ?? 60_000,
      targets: {
        types: new Map([[type.type, type]]),
        profiles: new Map(
          [...PROFILES, ...(options.profiles ?? [])].map((profile) => [profile.name, profile]),
        ),
        defaultProfile: options.defaultProfile ?? standard,
        boxes: createSealedBoxes([ENCRYPTION_KEY, ...(options.olderKeys ?? [])], systemRandom),
      },
    });
    const access = createAccess({
      storage,
      clock: options.clock ?? systemClock,
      random: systemRandom,
      log,
      auditRetentionDays: 365,
      changes: engine.changes,
    });
    const tokens = new TenantTokens(
      [deriveTokenKey(ENCRYPTION_KEY)],
      options.clock ?? systemClock,
      3600,
    );
    const server = await buildServer({
      engine,
      access,
      apiKey: API_KEY,
      tokens,
      mailLinks: new MailLinks([ENCRYPTION_KEY]),
      maxFailedSignIns: options.maxFailedSignIns ?? Infinity,
      version: '0.0.0-test',
      publicUrl: options.publicUrl ?? 'http://127.0.0.1:8080',
      trustProxy: options.trustProxy ?? [],
      publicKeys: [INSTANCE_KEY.publicJwk],
      limits: { ...LIMITS, ...options.limits },
      answersApi: options.answersApi ?? true,
      metrics: metricsText(metrics, engine),
      log,
    });
    const receiver = await startReceiver();
    await access.load();
    await engine.load();
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const { body: document } = await server.inject('/openapi.json');
    await engine.start();
    access.start();
    return new ApiServer(
      { server, engine, access, receiver, url, failures, warnings, document },
      async () => {
        await server.close();
        await engine.stop(100);
        await access.stop();
        await webhook.close();
        await expressions.close();
        await receiver.close();
        await opened.close();
      },
    );
  }

  private constructor(
    parts: Pick<
      ApiServer,
      'server' | 'engine' | 'access' | 'receiver' | 'url' | 'failures' | 'warnings'
    > & { document: string },
    close: () => Promise<void>,
  ) {
    this.server = parts.server;
    this.engine = parts.engine;
    this.access = parts.access;
    this.receiver = parts.receiver;
    this.url = parts.url;
    this.failures = parts.failures;
    this.warnings = parts.warnings;
    this.#close = close;
    this.#document = parts.document;
    this.#check = createAnswerCheck(this.document());
  }

  async stop(): Promise<void> {
    await this.#close();
    const [failure] = this.failures;
    if (failure !== undefined)
      throw new Error(`${failure.what} during the tests`, { cause: failure.error });
  }

  /** The OpenAPI document, as `/openapi.json` gives it. */
  document(): OpenapiDocument {
    return JSON.parse(this.#document) as OpenapiDocument;
  }

  /** Without a network, through Fastify's `inject`. A path that begins with `/v1/` is one of the API. */
  async request<Body>(
    method: Method,
    path: string,
    { body, headers = {}, key = API_KEY }: RequestOptions = {},
  ): Promise<Answer<Body>> {
    const url = path.startsWith('/v1/') ? `/api${path}` : path;
    const isPlain = typeof body === 'string' || body instanceof Uint8Array;
    const payload = body === undefined || isPlain ? body : JSON.stringify(body);
    const response = await this.server.inject({
      method,
      url,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload: asPayload(payload) }),
    });
    const status = response.statusCode;
    const text = response.body;
    const contentType = response.headers['content-type'] ?? '';
    this.#check({ method, url, status, contentType, text });
    const parsed: unknown =
      contentType.startsWith('application/json') && text !== '' ? JSON.parse(text) : null;
    // Of the shape that the document says; the check has seen to it.
    return { status, headers: response.headers, text, body: parsed as Body };
  }

  get<Body>(path: string, options?: RequestOptions): Promise<Answer<Body>> {
    return this.request('GET', path, options);
  }

  put<Body>(path: string, body?: unknown): Promise<Answer<Body>> {
    return this.request('PUT', path, { body });
  }

  post<Body>(path: string, body?: unknown): Promise<Answer<Body>> {
    return this.request('POST', path, { body });
  }

  patch<Body>(path: string, body?: unknown): Promise<Answer<Body>> {
    return this.request('PATCH', path, { body });
  }

  delete<Body>(path: string): Promise<Answer<Body>> {
    return this.request('DELETE', path);
  }

  publish(body: unknown): Promise<Answer<PublishedView>> {
    return this.post('/v1/publish', body);
  }

  /** Makes a tenant, and gives its id. */
  async tenant(): Promise<string> {
    const id = `tenant-${++this.#tenants}`;
    const { status } = await this.put(`/v1/tenants/${id}`);
    if (status !== 201) throw new Error(`there was a tenant ${id} before`);
    return id;
  }

  /** Makes a key of the operator. */
  async key(scope: KeyScope, given: object = {}): Promise<CreatedKeyView> {
    const body = { name: `for ${scope}`, scope, ...given };
    const answer = await this.post<CreatedKeyView>('/v1/keys', body);
    if (answer.status !== 201) throw new Error(`no key was made: ${answer.text}`);
    return answer.body;
  }

  /** Gives out a token of a tenant. */
  async token(tenantId: string, role: TenantRole = 'admin'): Promise<string> {
    const path = `/v1/tenants/${encodeURIComponent(tenantId)}/token?role=${role}`;
    const { status, body, text } = await this.get<{ token: string }>(path);
    if (status !== 200) throw new Error(`no token was given: ${text}`);
    return body.token;
  }

  /** Makes a webhook destination of all topics, at `/ok` of the receiver. */
  async destination(tenantId: string, given: object = {}): Promise<DestinationView> {
    const body = {
      type: 'webhook',
      topics: '*',
      config: { url: this.receiver.url('/ok') },
      ...given,
    };
    const path = `/v1/tenants/${encodeURIComponent(tenantId)}/destinations`;
    const answer = await this.post<DestinationView>(path, body);
    if (answer.status !== 201) throw new Error(`no destination was made: ${answer.text}`);
    return answer.body;
  }
}

/** An event that was not of its topic’s schema, as it was logged. */
export interface Warning {
  readonly topic: string;
  readonly count: number;
  readonly pointer: string;
}

interface Failure {
  readonly what: string;
  readonly error: unknown;
}

function failureLog(failures: Failure[], warnings: Warning[]) {
  const failed = (what: string) => (error: unknown) => void failures.push({ what, error });
  return {
    claimFailed: failed('a claim failed'),
    cancelFailed: failed('a cancel failed'),
    releaseFailed: failed('a release failed'),
    recordFailed: failed('a record failed'),
    recordResumed: () => {},
    signInsRefused: () => {},
    outcomeDropped: failed('an outcome was dropped'),
    noticeFailed: (topic: string, error: unknown) => failed(`${topic} was not told`)(error),
    noticeDropped: (topic: string) => failed('a notice was dropped')(topic),
    destinationEnded: () => {},
    destinationEndFailed: (_tenant: string, id: string, error: unknown) =>
      failed(`destination ${id} was not ended`)(error),
    serviceFailed: (name: string, error: unknown) => failed(`the ${name} failed`)(error),
    filterGaveUp: (_tenant: string, id: string) => failed(`the filter of ${id} gave up`)(undefined),
    destinationUnusable: (_tenant: string, id: string, error: unknown) =>
      failed(`destination ${id} was unusable`)(error),
    schemaViolated: (topic: string, count: number, { pointer }: { pointer: string }) =>
      void warnings.push({ topic, count, pointer }),
    schemaUnusable: (topic: string, reason: string) => failed(`${topic}: ${reason}`)(null),
    requestFailed: (_id: string, method: string, route: string, error: unknown) =>
      failed(`${method} ${route} failed`)(error),
  };
}

function asPayload(body: string | Uint8Array): string | Buffer {
  return typeof body === 'string'
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
