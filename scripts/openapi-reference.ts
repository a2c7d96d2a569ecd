/** `openapi.json`, made of the routes' schemas: what those of a server say that is put together, and never asked. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { MailLinks } from '../src/domain/mail-link.ts';
import type { Access } from '../src/engine/access.ts';
import type { Engine } from '../src/engine/engine.ts';
import { ApiClientSchema } from '../src/http/schemas/api-client.ts';
import { AttemptSchema } from '../src/http/schemas/attempt.ts';
import { AuditEntrySchema } from '../src/http/schemas/audit.ts';
import { DeliverySchema } from '../src/http/schemas/delivery.ts';
import { DestinationTypeSchema } from '../src/http/schemas/destination-type.ts';
import { DestinationSchema } from '../src/http/schemas/destination.ts';
import { ErrorSchema } from '../src/http/schemas/error.ts';
import { EventSchema } from '../src/http/schemas/event.ts';
import { HookSchema } from '../src/http/schemas/hook.ts';
import { KeySchema } from '../src/http/schemas/key.ts';
import { MetricsSchema, UsageSchema } from '../src/http/schemas/metrics.ts';
import { ProfileSchema } from '../src/http/schemas/profile.ts';
import { ReplaySchema } from '../src/http/schemas/replay.ts';
import { TenantSchema } from '../src/http/schemas/tenant.ts';
import { TopicSchema } from '../src/http/schemas/topic.ts';
import { WebhookSubscriptionSchema } from '../src/http/schemas/webhook-subscription.ts';

import { buildServer } from '../src/http/server.ts';
import type { TenantTokens } from '../src/http/tenant-token.ts';

/** Routes take their parts out of the engine when they are added, and use them to answer: here nobody asks. */
const NO_ENGINE = {} as Engine;
const NO_ACCESS = {} as Access;
const NO_TOKENS = {} as TenantTokens;
const NO_LINKS = new MailLinks([]);
const DEFAULT_URL = 'http://127.0.0.1:8080';

/** The OpenAPI document, as `/openapi.json` gives it where no option was set. */
export async function openapiReference(version: string): Promise<string> {
  const server = await buildServer(
    {
      engine: NO_ENGINE,
      access: NO_ACCESS,
      apiKey: '',
      tokens: NO_TOKENS,
      mailLinks: NO_LINKS,
      version,
      publicUrl: DEFAULT_URL,
      publicKeys: [],
      trustProxy: [],
      limits: {
        maxPayloadBytes: 1,
        maxBatchBytes: 1,
        maxDestinationsPerTenant: 1,
        maxPublishPerMinute: null,
        retentionDays: 1,
      },
      log: { requestFailed: () => {}, signInsRefused: () => {} },
      metrics: { contentType: '', text: () => '' },
    },
    (watched) => describeRoutes(watched, version),
  );
  await server.ready();
  const document = server.swagger();
  await server.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}

async function describeRoutes(server: FastifyInstance, version: string): Promise<void> {
  for (const schema of [
    ErrorSchema,
    TenantSchema,
    DestinationSchema,
    DestinationTypeSchema,
    TopicSchema,
    EventSchema,
    DeliverySchema,
    AttemptSchema,
    ReplaySchema,
    KeySchema,
    ApiClientSchema,
    WebhookSubscriptionSchema,
    HookSchema,
    AuditEntrySchema,
    MetricsSchema,
    UsageSchema,
    ProfileSchema,
  ]) {
    server.addSchema(schema);
  }
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Angarium',
        version,
        description:
          'Outbound webhooks: publish events, and they are delivered, signed, to every destination that wants them.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: DEFAULT_URL }],
      components: {
        securitySchemes: {
          key: {
            type: 'http',
            scheme: 'bearer',
            description:
              'A key of the operator: that of the configuration, or one of `/keys`, as far as its scope goes.',
          },
          tenant_token: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'A token of `/tenants/{tenant_id}/token`: good for that tenant alone, as far as its role goes.',
          },
          api_client: {
            type: 'http',
            scheme: 'bearer',
            description:
              'The token of an API client of `/apiclients`: good for its tenant alone, as far as its scope and permissions go.',
          },
        },
      },
      tags: [
        { name: 'tenants', description: 'The operator’s customers.' },
        { name: 'destinations', description: 'Where a tenant’s events go.' },
        { name: 'topics', description: 'What there is to subscribe to.' },
        { name: 'apiclients', description: 'Credentials of a tenant’s integrations.' },
        {
          name: 'webhooksubscriptions',
          description: 'Destinations by subject and event, as Baack has them.',
        },
        { name: 'hooks', description: 'REST hooks: destinations by event and URL.' },
        { name: 'publish', description: 'Events in.' },
        { name: 'events', description: 'What was published.' },
        { name: 'deliveries', description: 'What is owed to whom, and how it stands.' },
        { name: 'attempts', description: 'Every try, with request and answer.' },
        { name: 'replays', description: 'Events of a time range again.' },
        { name: 'keys', description: 'Keys of the operator.' },
        { name: 'audit', description: 'Who changed what.' },
        { name: 'metrics', description: 'Counts over time, latencies, usage.' },
        { name: 'exports', description: 'Everything of a range of time, in one stream.' },
        { name: 'profiles', description: 'Wire formats and delivery policies.' },
        { name: 'signing', description: 'Keys by which receivers verify signatures.' },
        { name: 'health', description: 'For load balancers and supervisors.' },
      ],
    },
    // Where several routes are one operation, the others say another name.
    transform: ({ schema, url, route }) => ({
      schema: { ...operationIdOf(route.config), ...schema },
      url,
    }),
    transformObject: (made) => {
      if (!('openapiObject' in made)) return made.swaggerObject;
      for (const path of Object.values(made.openapiObject.paths ?? {}))
        for (const operation of Object.values(path ?? {})) finish(operation);
      return made.openapiObject;
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${index}`,
    },
  });
}

function operationIdOf(config: FastifyContextConfig | undefined): { operationId?: string } {
  return config?.operation === undefined ? {} : { operationId: config.operation };
}

interface Operation {
  readonly requestBody?: {
    required?: boolean;
    readonly content: Record<string, { readonly schema?: { readonly anyOf?: readonly object[] } }>;
  };
  readonly responses: Record<string, { description: string }>;
}

/** What the generator cannot know: that a body which may be null may be left out, and what a status means. */
function finish(operation: unknown): void {
  // Made by the generator, of a route's schema.
  const { requestBody, responses } = operation as Operation;
  const choices = requestBody?.content['application/json']?.schema?.anyOf ?? [];
  if (requestBody !== undefined)
    requestBody.required = !choices.some((choice) => 'type' in choice && choice.type === 'null');
  for (const [status, response] of Object.entries(responses))
    response.description = STATUS_CODES[status] ?? response.description;
}
