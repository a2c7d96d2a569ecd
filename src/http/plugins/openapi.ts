/** The OpenAPI document, made of the routes' schemas, and a page that shows it. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { docsPage } from '../docs-page.ts';
import { AttemptSchema } from '../schemas/attempt.ts';
import { DeliverySchema } from '../schemas/delivery.ts';
import { DestinationSchema } from '../schemas/destination.ts';
import { ErrorSchema } from '../schemas/error.ts';
import { EventSchema } from '../schemas/event.ts';
import { TenantSchema } from '../schemas/tenant.ts';

export async function openapi(
  server: FastifyInstance,
  { version, publicUrl }: { version: string; publicUrl: string },
): Promise<void> {
  for (const schema of [
    ErrorSchema,
    TenantSchema,
    DestinationSchema,
    EventSchema,
    DeliverySchema,
    AttemptSchema,
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
          key: { type: 'http', scheme: 'bearer', description: 'The operator’s key.' },
        },
      },
      security: [{ key: [] }],
      tags: [
        { name: 'tenants', description: 'The operator’s customers.' },
        { name: 'destinations', description: 'Where a tenant’s events go.' },
        { name: 'publish', description: 'Events in.' },
        { name: 'events', description: 'What was published.' },
        { name: 'deliveries', description: 'What is owed to whom, and how it stands.' },
        { name: 'attempts', description: 'Every try, with request and answer.' },
        { name: 'health', description: 'For load balancers and supervisors.' },
      ],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `schema-${index}`,
    },
  });
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger());
  await docsPage(server);
}
