/** The topic catalogue: what there is to subscribe to. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseTopicEntry } from '../../catalogue/topic-entry.ts';
import { deleteTopic, putTopics } from '../../engine/manage-catalogue.ts';
import type { StoredTopic } from '../../storage/topic-storage.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError, validationFailed } from '../errors.ts';
import { nameParameters } from '../name-paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  Success,
  PAGE_PARAMETERS,
  choice,
  queryParameters,
  oneText,
} from '../schemas/fields.ts';
import { arrayOf, object, ref, string } from '../schemas/json-schema.ts';
import { TopicBodySchema, topicJson } from '../schemas/topic.ts';
import type { ServerParts } from '../server-parts.ts';

const LIST_PARAMETERS = {
  search: oneText('Only those whose name or description has each of these words, in any case.'),
  deprecated: choice(['true', 'false'], 'Only those that are so.'),
  ...PAGE_PARAMETERS,
  dir: choice(['asc', 'desc'], '`asc` by default.'),
};

interface TopicParams {
  readonly topic: string;
}

const TopicParamsSchema = object({ topic: string() });

export function catalogueRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { catalogue, clock } = engine;
  /** How many events were wrong is of all tenants together, and nobody's business but the operator's. */
  const shown = ({ caller }: FastifyRequest, topic: StoredTopic) =>
    topicJson(topic, caller?.kind === 'operator' ? catalogue.violations(topic.name) : null);

  server.get(
    '/topics',
    {
      config: { operation: 'topics.list' },
      schema: {
        tags: ['topics'],
        summary: 'List the names of all topics',
        response: { 200: arrayOf(string()), ...errorResponses() },
      },
    },
    () => catalogue.list().map(({ name }) => name),
  );

  server.get(
    '/catalogue',
    {
      config: { operation: 'catalogue.list' },
      schema: {
        tags: ['topics'],
        summary: 'List the topic catalogue',
        description: 'By name.',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Topic'), ...errorResponses(422) },
      },
    },
    (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const words = (query.text('search') ?? '').toLowerCase().split(/\s+/);
      const deprecated = query.oneOf('deprecated', ['true', 'false']);
      const pageOf = nameParameters(query);
      query.done();
      const found = catalogue
        .list()
        .filter((topic) => hasWords(topic, words))
        .filter((topic) => deprecated === null || String(topic.deprecated) === deprecated);
      const { models, pagination } = pageOf(found);
      return { models: models.map((topic) => shown(request, topic)), pagination };
    },
  );

  server.get<{ Params: TopicParams }>(
    '/catalogue/:topic',
    {
      config: { operation: 'catalogue.get' },
      schema: {
        tags: ['topics'],
        summary: 'Get a topic',
        params: TopicParamsSchema,
        response: { 200: ref('Topic'), ...errorResponses(404) },
      },
    },
    (request) => shown(request, topicOf(request.params.topic)),
  );

  server.put<{ Params: TopicParams; Body: Readonly<Record<string, unknown>> }>(
    '/catalogue/:topic',
    {
      config: { operation: 'catalogue.put' },
      schema: {
        tags: ['topics'],
        summary: 'Add a topic to the catalogue, or replace it',
        params: TopicParamsSchema,
        body: TopicBodySchema,
        response: { 200: ref('Topic'), 201: ref('Topic'), ...errorResponses(400, 413, 415) },
      },
    },
    async (request, reply) => {
      const name = request.params.topic;
      const parsed = parseTopicEntry(name, request.body, catalogue.compiler);
      if (!parsed.ok) throw validationFailed(parsed.problems);
      const put = await putTopics(engine, [parsed.entry], auditAuthor(request, clock));
      if (put.kind === 'too_many') throw new ApiError('too_many_topics');
      return reply.status(put.created.length > 0 ? 201 : 200).send(shown(request, topicOf(name)));
    },
  );

  server.delete<{ Params: TopicParams }>(
    '/catalogue/:topic',
    {
      config: { operation: 'catalogue.delete' },
      schema: {
        tags: ['topics'],
        summary: 'Delete a topic from the catalogue',
        description: 'Destinations that name it keep it only where it is forced.',
        params: TopicParamsSchema,
        querystring: queryParameters({
          force: choice(['true', 'false'], 'Also while destinations name it.'),
        }),
        response: { 200: Success, ...errorResponses(404, 409) },
      },
    },
    async (request) => {
      const query = new Query(request.query, ['force']);
      const force = query.oneOf('force', ['true', 'false']) === 'true';
      query.done();
      const name = request.params.topic;
      const result = await deleteTopic(engine, {
        name,
        force,
        author: auditAuthor(request, clock),
      });
      switch (result.kind) {
        case 'deleted':
          return { success: true };
        case 'unknown':
          throw new ApiError('topic_not_found');
        case 'in_use': {
          const users = result.destinations.map(({ tenantId, id }) => `${id} of ${tenantId}`);
          throw new ApiError(
            'topic_in_use',
            `Destinations name the topic, such as ${users.join(', ')}: change them first, or delete it all the same with force=true.`,
          );
        }
      }
    },
  );

  function topicOf(name: string): StoredTopic {
    const topic = catalogue.get(name);
    if (topic === undefined) throw new ApiError('topic_not_found');
    return topic;
  }
}

function hasWords({ name, description }: StoredTopic, words: readonly string[]): boolean {
  const text = `${name}\n${description}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
