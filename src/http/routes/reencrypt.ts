/** Stored secrets under another encryption key, a slice a call. */
import type { FastifyInstance } from 'fastify';
import { reencryptSlice } from '../../engine/reencrypt.ts';
import type { WalkPosition } from '../../engine/reencrypt.ts';
import { SEALED_KINDS } from '../../storage/sealed.ts';
import { validationFailed } from '../errors.ts';
import { decodeCursor, encodeCursor } from '../paging.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  closedObject,
  integer,
  nullable,
  object,
  optional,
  string,
} from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';

/** Some tens of milliseconds. */
const DEFAULT_LIMIT = 1000;

interface ReencryptBody {
  readonly next?: string | null;
  readonly limit?: number;
}

const ReencryptBodySchema = closedObject({
  next: optional(nullable(string(), { description: 'Of the answer before; left out at first.' })),
  limit: optional(
    integer({ minimum: 1, maximum: 10_000, description: `Secrets to look at; ${DEFAULT_LIMIT}.` }),
  ),
});

const Reencrypted = object({
  checked: integer({ description: 'Sealed secrets that were looked at.' }),
  resealed: integer({
    description: 'Those that were under another key, and now are under the first.',
  }),
  under_other_keys: integer({
    description: 'Those that are not, as none of the keys opens them.',
  }),
  next: nullable(string(), { description: 'To be sent with the next call; null at the end.' }),
});

export function reencryptRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  server.post<{ Body: ReencryptBody | null | undefined }>(
    '/keys/reencrypt',
    {
      config: { operation: 'keys.reencrypt' },
      schema: {
        tags: ['keys'],
        summary: 'Move stored secrets to the first encryption key',
        description:
          'A slice a call: send `next` of each answer with the call that follows, until it is null. Everything goes on meanwhile, and it may be begun anew at any time.',
        body: nullable(ReencryptBodySchema),
        response: { 200: Reencrypted, ...errorResponses(400, 413, 415, 422) },
      },
    },
    async (request) => {
      const { next, limit = DEFAULT_LIMIT } = request.body ?? {};
      const from = typeof next === 'string' ? positionOf(next) : undefined;
      const slice = await reencryptSlice(engine.storage, engine.targets.boxes, from, limit);
      return {
        checked: slice.checked,
        resealed: slice.resealed,
        under_other_keys: slice.underOtherKeys,
        next: slice.next === null ? null : cursorOf(slice.next),
      };
    },
  );
}

function cursorOf({ kind, after }: WalkPosition): string {
  return encodeCursor([SEALED_KINDS.indexOf(kind), after]);
}

function positionOf(cursor: string): WalkPosition {
  const [index = -1, after = -1, ...more] = decodeCursor(cursor) ?? [];
  const kind = SEALED_KINDS[index];
  if (kind !== undefined && after >= 0 && more.length === 0) return { kind, after };
  const message = 'This is no `next` of an answer: leave it out to begin anew.';
  throw validationFailed([{ pointer: '/next', code: 'cursor', message }]);
}
