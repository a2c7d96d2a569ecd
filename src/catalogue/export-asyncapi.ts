/** The catalogue as an AsyncAPI 3 document: a channel and a message for each topic, with the bodies that a profile sends. */
import type { JsonObject, TopicEntry } from '../domain/topic-catalogue.ts';
import type { ExportInput } from './export-input.ts';
import { dialectOf } from './schema-compiler.ts';
import { freeName, movedTo } from './schema-references.ts';

const FORMATS = {
  '2020-12': 'application/schema+json;version=draft-2020-12',
  'draft-07': 'application/schema+json;version=draft-07',
};

export function asyncapiDocument({ topics, envelope, version }: ExportInput): JsonObject {
  const taken = new Set<string>();
  const described = topics.map((topic) => ({ topic, key: freeName(topic.name, taken) }));
  const each = (entry: (one: (typeof described)[number]) => [name: string, value: JsonObject]) =>
    Object.fromEntries(described.map(entry));
  return {
    asyncapi: '3.0.0',
    info: { title: 'Webhooks', version },
    defaultContentType: 'application/json',
    // Without an address: each receiver has one of its own.
    channels: each(({ topic: { name }, key }) => [
      key,
      {
        address: null,
        title: name,
        messages: { [key]: { $ref: `#/components/messages/${key}` } },
      },
    ]),
    operations: each(({ key }) => [
      `send.${key}`,
      {
        action: 'send',
        channel: { $ref: `#/channels/${key}` },
        messages: [{ $ref: `#/channels/${key}/messages/${key}` }],
      },
    ]),
    components: {
      messages: each(({ topic, key }) => {
        const { name, description, sample, deprecated } = topic;
        const data = { $ref: `#/components/schemas/${key}/schema` };
        const schema = {
          ...envelope.schema(name, data),
          ...(deprecated ? { deprecated } : {}),
        };
        const example = sample === null ? null : envelope.example(name, sample);
        return [
          key,
          {
            name,
            title: name,
            ...(description === '' ? {} : { description }),
            contentType: 'application/json',
            // What it refers to is of the same dialect: its own words are in both.
            payload: { schemaFormat: formatOf(topic), schema },
            ...(example === null ? {} : { examples: [{ payload: example }] }),
          },
        ];
      }),
      schemas: each(({ topic, key }) => [
        key,
        {
          schemaFormat: formatOf(topic),
          schema: movedTo(topic.schema ?? {}, `#/components/schemas/${key}/schema`),
        },
      ]),
    },
  };
}

function formatOf({ schema }: TopicEntry): string {
  return FORMATS[dialectOf(schema ?? {}) ?? '2020-12'];
}
