/** The topic catalogue in the formats of others, in and out. */
import type { FastifyInstance } from 'fastify';
import { envelopeOf } from '../../catalogue/envelope.ts';
import { EXPORT_FORMATS, exportText } from '../../catalogue/export-catalogue.ts';
import { importDocuments } from '../../catalogue/import-documents.ts';
import { problemsAt, sameEntry } from '../../domain/topic-catalogue.ts';
import { putTopics } from '../../engine/manage-catalogue.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError, validationFailed } from '../errors.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { ImportBodySchema, ImportedSchema } from '../schemas/topic.ts';
import type { ImportBody } from '../schemas/topic.ts';
import { sendJsonText } from '../send-json.ts';
import { choice, queryParameters, oneText } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { anything, record, string } from '../schemas/json-schema.ts';

const EXPORT_PARAMETERS = {
  format: choice(EXPORT_FORMATS, '`json-schema` by default.'),
  profile: oneText('Whose bodies OpenAPI and AsyncAPI describe; the default profile without it.'),
};

export function catalogueTransferRoutes(
  server: FastifyInstance,
  { engine, version, limits }: ServerParts,
): void {
  const { catalogue, targets } = engine;

  server.post<{ Body: ImportBody }>(
    '/catalogue/import',
    {
      bodyLimit: limits.maxBatchBytes,
      config: { operation: 'catalogue.import' },
      schema: {
        tags: ['topics'],
        summary: 'Import topics from documents',
        description:
          'All of them or none. What a document does not say of a topic that is there already stays; a catalogue replaces it.',
        body: ImportBodySchema,
        response: { 200: ImportedSchema, ...errorResponses(400, 413, 415) },
      },
    },
    async (request) => {
      const { documents, dry_run: dryRun = false, ...options } = request.body;
      const imported = importDocuments(
        documents.map(({ name = null, document }) => ({ name, document })),
        { dataPointer: options.data_pointer ?? '', enforcement: options.enforcement ?? null },
        catalogue,
      );
      if (!imported.ok) throw validationFailed(problemsAt('/documents', imported.problems));
      const { topics } = imported;
      const created = topics.filter(({ name }) => catalogue.get(name) === undefined);
      const unchanged = topics.filter((topic) => {
        const before = catalogue.get(topic.name);
        return before !== undefined && sameEntry(before, topic);
      });
      const changed = topics.filter(
        (topic) => !created.includes(topic) && !unchanged.includes(topic),
      );
      if (!dryRun) {
        const put = await putTopics(engine, topics, auditAuthor(request, engine.clock));
        if (put.kind === 'too_many') throw new ApiError('too_many_topics');
      }
      return {
        dry_run: dryRun,
        created: created.map(({ name }) => name),
        changed: changed.map(({ name }) => name),
        unchanged: unchanged.map(({ name }) => name),
      };
    },
  );

  server.get(
    '/catalogue/export',
    {
      config: { operation: 'catalogue.export' },
      schema: {
        tags: ['topics'],
        summary: 'Export the topic catalogue',
        description: 'Documents come as JSON, TypeScript as text.',
        querystring: queryParameters(EXPORT_PARAMETERS),
        response: {
          200: {
            content: {
              'application/json': { schema: record(anything) },
              'text/plain': { schema: string() },
            },
          },
          ...errorResponses(422),
        },
      },
    },
    (request, reply) => {
      const query = new Query(request.query, Object.keys(EXPORT_PARAMETERS));
      const format = query.oneOf('format', EXPORT_FORMATS) ?? 'json-schema';
      const profileName = query.oneOf('profile', [...targets.profiles.keys()]);
      query.done();
      const profile =
        (profileName === null ? undefined : targets.profiles.get(profileName)) ??
        targets.defaultProfile;
      const text = exportText(format, {
        topics: catalogue.list(),
        envelope: envelopeOf(profile.payload),
        version,
      });
      return format === 'typescript'
        ? reply.type('text/plain; charset=utf-8').send(text)
        : sendJsonText(reply, text);
    },
  );
}
