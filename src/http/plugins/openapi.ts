/** The OpenAPI document, made of the routes' schemas, and a page that shows it. */
import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { docsPage } from '../docs-page.ts';
import { ApiClientSchema } from '../schemas/api-client.ts';
import { AttemptSchema } from '../schemas/attempt.ts';
import { AuditEntrySchema } from '../schemas/audit.ts';
import { DeliverySchema } from '../schemas/delivery.ts';
import { DestinationTypeSchema } from '../schemas/destination-type.ts';
import { DestinationSchema } from '../schemas/destination.ts';
import { ErrorSchema } from '../schemas/error.ts';
import { EventSchema } from '../schemas/event.ts';
import { HookSchema } from '../schemas/hook.ts';
import { KeySchema } from '../schemas/key.ts';
import { MetricsSchema, UsageSchema } from '../schemas/metrics.ts';
import { ProfileSchema } from '../schemas/profile.ts';
import { ReplaySchema } from '../schemas/replay.ts';
import { TenantSchema } from '../schemas/tenant.ts';
import { TopicSchema } from '../schemas/topic.ts';
import { WebhookSubscriptionSchema } from '../schemas/webhook-subscription.ts';

export async function openapi(
  server: FastifyInstance,
  { version, publicUrl }: { version: string; publicUrl: string },
): Promise<void> {
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
      servers: [{ url: publicUrl }],
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
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger());
  await docsPage(server);
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
