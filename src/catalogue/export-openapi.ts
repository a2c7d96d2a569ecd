/** The catalogue as the `webhooks` of an OpenAPI 3.1 document, with the bodies that a profile sends. */
import type { JsonObject } from '../domain/topic-catalogue.ts';
import type { ExportInput } from './export-input.ts';
import { freeName, movedTo } from './schema-references.ts';

/** Where in the body the data are: so what was exported can be imported. */
export const DATA_POINTER = 'x-data-pointer';

export function openapiDocument({ topics, envelope, version }: ExportInput): JsonObject {
  const taken = new Set<string>();
  const described = topics.map((topic) => ({ topic, key: freeName(topic.name, taken) }));
  const schemas = described.map(({ topic: { schema }, key }): [string, JsonObject] => [
    key,
    movedTo(schema ?? {}, `#/components/schemas/${key}`),
  ]);
  const webhooks = described.map(({ topic, key }): [string, JsonObject] => {
    const { name, description, deprecated, sample } = topic;
    const schema = envelope.schema(name, { $ref: `#/components/schemas/${key}` });
    const body = sample === null ? null : envelope.example(name, sample);
    const example = body === null ? {} : { example: body };
    const operation = {
      operationId: key,
      summary: name,
      ...(description === '' ? {} : { description }),
      ...(deprecated ? { deprecated } : {}),
      ...(envelope.dataPointer === null ? {} : { [DATA_POINTER]: envelope.dataPointer }),
      requestBody: {
        required: true,
        content: { 'application/json': { schema, ...example } },
      },
      responses: { '2XX': { description: 'Received.' } },
    };
    return [name, { post: operation }];
  });
  return {
    openapi: '3.1.0',
    info: { title: 'Webhooks', version },
    webhooks: Object.fromEntries(webhooks),
    ...(topics.length === 0 ? {} : { components: { schemas: Object.fromEntries(schemas) } }),
  };
}
