/** Filters tried out, before a destination has them. */
import type { FastifyInstance } from 'fastify';
import { EventView } from '../../domain/event-view.ts';
import { compileFilter } from '../../domain/filter-compile.ts';
import { failedConditions } from '../../domain/filter-explain.ts';
import { WHOLE } from '../../domain/json-value.ts';
import type { Storage } from '../../storage/storage.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { filterAt } from '../filter-body.ts';
import { parseJsonBody } from '../json-text.ts';
import { keepJsonBytes } from '../plugins/parse-json.ts';
import { limitsOfEvents } from '../event-door.ts';
import { bytesOf, TestEventBody } from './publish.ts';
import { membersOf, parseTestEvent, unknownMembers } from '../publish-body.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  anything,
  arrayOf,
  boolean,
  closedObject,
  object,
  optional,
  record,
  string,
} from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';

/** What a filter may be tested with. */
const SOURCES = ['event', 'event_id', 'sample_of'] as const;
const FIELDS = new Set<string>(['filter', ...SOURCES, 'tenant_id']);

const Body = closedObject(
  {
    filter: record(anything, { description: 'As a destination has it.' }),
    event: optional(TestEventBody),
    event_id: optional(string({ description: 'Instead of `event`: one that was published.' })),
    sample_of: optional(
      string({
        description: 'Instead of `event`: a topic of the catalogue, whose sample is taken.',
      }),
    ),
    tenant_id: optional(
      string({ description: 'With `event_id`, where several tenants have used the id.' }),
    ),
  },
  {
    examples: [
      {
        filter: { data: { plan: 'gold' } },
        event: { topic: 'user.created', data: { plan: 'gold' } },
      },
    ],
  },
);

const Tested = object({
  matched: boolean(),
  failed: arrayOf(
    object({
      pointer: string({ description: 'JSON pointer of a condition in the filter.' }),
      message: string({ description: 'What stands in the event instead.' }),
    }),
  ),
});

export function filterRoutes(server: FastifyInstance, parts: ServerParts): void {
  const { engine, limits } = parts;
  const eventLimits = limitsOfEvents(parts);
  const { storage, clock } = engine;
  void server.register((scope, _options, done) => {
    keepJsonBytes(scope);
    // The bytes are read here, which tells all that is wrong; the schema is for the document.
    scope.setValidatorCompiler(() => () => true);

    scope.post(
      '/filters/test',
      {
        config: { operation: 'filters.test' },
        bodyLimit: limits.maxPayloadBytes + ENVELOPE_BYTES,
        schema: {
          tags: ['destinations'],
          summary: 'Test a filter with an event',
          description: 'Nothing is published, and nothing is kept.',
          body: Body,
          response: { 200: Tested, ...errorResponses(400, 404, 409, 413, 415, 422) },
        },
      },
      async (request) => {
        const body = bytesOf(request.body);
        const value = parseJsonBody(body);
        const members = membersOf(body, value, Infinity);
        const problems = unknownMembers(members, FIELDS);
        const at = (name: string) => members.find((member) => member.name === name);
        const given = value as Readonly<Record<string, unknown>>;

        const filterMember = at('filter');
        const filter = filterMember === undefined ? null : filterAt(body, filterMember, problems);
        if (filterMember === undefined)
          problems.push({ pointer: '/filter', code: 'required', message: 'Which filter?' });
        const eventMember = at('event');
        const eventId = textOf(given, 'event_id', problems);
        const topic = textOf(given, 'sample_of', problems);
        const tenantId = tenantScope(request).narrowOne(textOf(given, 'tenant_id', problems));
        if (SOURCES.filter((name) => at(name) !== undefined).length !== 1) {
          const message =
            'Give what it is tested with: one of `event`, `event_id` and `sample_of`.';
          problems.push({ pointer: '/event', code: 'required', message });
        }
        let view: EventView | null = null;
        if (eventMember !== undefined) {
          const bytes = body.subarray(eventMember.start, eventMember.end);
          view = givenEvent(bytes, given['event'], problems);
        }
        if (problems.length > 0 || filter === null) throw validationFailed(problems);
        if (topic !== null) view = sampleEvent(topic);
        view ??= await storedEvent(storage, eventId ?? '', tenantId);

        const failed = failedConditions(compileFilter(filter), view.read(WHOLE));
        return { matched: failed.length === 0, failed: failed.slice(0, MAX_FAILED) };
      },
    );
    done();
  });

  function sampleEvent(topic: string): EventView {
    const entry = engine.catalogue.get(topic);
    if (entry === undefined) throw new ApiError('topic_not_found');
    if (entry.sample === null) {
      const message = 'This topic has no sample in the catalogue: give an `event`.';
      throw validationFailed([{ pointer: '/sample_of', code: 'no_sample', message }]);
    }
    const data = Buffer.from(JSON.stringify(entry.sample));
    return new EventView({ id: null, topic, timeMs: clock.nowMs(), metadata: null, data });
  }

  function givenEvent(bytes: Buffer, value: unknown, problems: FieldError[]): EventView | null {
    try {
      const event = parseTestEvent(bytes, value, eventLimits);
      return new EventView({ ...event, timeMs: event.timeMs ?? clock.nowMs() });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'validation_failed') throw error;
      for (const problem of error.errors)
        problems.push({ ...problem, pointer: `/event${problem.pointer}` });
      return null;
    }
  }
}

/** What a body may have besides the event's data: the filter, metadata, ids and the like. */
const ENVELOPE_BYTES = 1024 * 1024;
const MAX_FAILED = 100;

function textOf(
  given: Readonly<Record<string, unknown>>,
  name: string,
  problems: FieldError[],
): string | null {
  const value = given[name];
  if (typeof value === 'string' && value !== '') return value;
  if (value !== undefined)
    problems.push({
      pointer: `/${name}`,
      code: 'type',
      message: `It is a string: ${name === 'sample_of' ? 'a topic' : 'an id'}.`,
    });
  return null;
}

/** As it was when it was published: an id that it was given in the commit was not there for its filters. */
async function storedEvent(
  storage: Storage,
  id: string,
  tenantId: string | null,
): Promise<EventView> {
  const [event, ...others] = await storage.eventGet({ id, tenantId });
  if (event === undefined) throw new ApiError('event_not_found');
  if (others.length > 0) throw new ApiError('ambiguous_id');
  const isGiven = storage.ids.parseEventId(event.id) === event.seq;
  return new EventView({ ...event, id: isGiven ? null : event.id });
}
