/** Deliveries: what is owed to whom, and how it stands. */
import type { FastifyInstance } from 'fastify';
import { cancelDelivery } from '../../engine/cancel.ts';
import { deliveryStanding } from '../../engine/delivery-standing.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError } from '../errors.ts';
import { ownDestinations } from '../own-destinations.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { deliveryJson, SHOWN_STATUSES } from '../schemas/delivery.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  PAGE_PARAMETERS,
  TIME_PARAMETERS,
  choice,
  queryParameters,
  oneText,
} from '../schemas/fields.ts';
import type { DeliveryRecord } from '../../storage/reading.ts';
import type { ServerParts } from '../server-parts.ts';
import { object, ref, string } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const LIST_PARAMETERS = {
  tenant_id: 'Only of these tenants.',
  destination_id: oneText('Only of this destination.'),
  event_id: oneText('Only of this event; with `tenant_id` where several tenants have used the id.'),
  status: choice(SHOWN_STATUSES, '`pending` are also those in an attempt.'),
  topic: 'Only of these topics.',
  code: 'Only those whose last attempt ended so: `503`, `timeout` ...',
  ...TIME_PARAMETERS,
  ...PAGE_PARAMETERS,
};
const KNOWN = Object.keys(LIST_PARAMETERS);
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 2 };

export function deliveryRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage, clock } = engine;

  server.get(
    '/deliveries',
    {
      config: { operation: 'deliveries.list' },
      schema: {
        tags: ['deliveries'],
        summary: 'List deliveries',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Delivery'), ...errorResponses(409, 422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, KNOWN);
      const tenantIds = tenantScope(request).narrow(query.list('tenant_id'));
      const eventId = query.text('event_id');
      const status = query.oneOf('status', SHOWN_STATUSES);
      const filters = {
        tenantIds,
        amongDestinations: ownDestinations(request, engine),
        destinationId: query.text('destination_id'),
        status: status === 'delivering' ? 'pending' : status,
        topics: query.list('topic'),
        codes: query.list('code'),
        time: query.time('time'),
      };
      const page = pageRequest(query, PAGING);
      query.done();
      const eventSeq = eventId === null ? null : await seqOf(eventId, tenantIds);
      // What is asked of one event may have been published just now.
      const mayLag = eventId === null;
      const found = await storage.deliveryList({ ...filters, eventSeq, page, mayLag });
      const nowMs = clock.nowMs();
      return {
        models: found.rows.map((delivery) => shown(delivery, nowMs)),
        pagination: pagination(page, found, 'created_at'),
      };
    },
  );

  server.get<{ Params: { delivery_id: string } }>(
    '/deliveries/:delivery_id',
    {
      config: { operation: 'deliveries.get' },
      schema: {
        tags: ['deliveries'],
        summary: 'Get a delivery',
        params: object({ delivery_id: string() }),
        response: { 200: ref('Delivery'), ...errorResponses(404) },
      },
    },
    async (request) => {
      const key = storage.ids.parseDeliveryId(request.params.delivery_id);
      const found = key === undefined ? null : await storage.deliveryGet({ delivery: key });
      const own = ownDestinations(request, engine);
      if (
        found === null ||
        !tenantScope(request).has(found.tenantId) ||
        own?.includes(found.destinationId) === false
      )
        throw new ApiError('delivery_not_found');
      return shown(found, clock.nowMs());
    },
  );

  server.post<{ Params: { delivery_id: string } }>(
    '/deliveries/:delivery_id/cancel',
    {
      config: { operation: 'deliveries.cancel' },
      schema: {
        tags: ['deliveries'],
        summary: 'Cancel a pending delivery',
        description: 'An attempt that is under way ends and is recorded; no other follows.',
        params: object({ delivery_id: string() }),
        response: { 200: ref('Delivery'), ...errorResponses(404, 409) },
      },
    },
    async (request) => {
      const key = storage.ids.parseDeliveryId(request.params.delivery_id);
      const found = key === undefined ? null : await storage.deliveryGet({ delivery: key });
      const isTheirs = found !== null && tenantScope(request).has(found.tenantId);
      const result = isTheirs
        ? await cancelDelivery(engine, found, auditAuthor(request, clock))
        : 'unknown';
      if (result === 'final') throw new ApiError('delivery_final');
      const canceled = found && (await storage.deliveryGet({ delivery: found.key }));
      if (result === 'unknown' || canceled === null) throw new ApiError('delivery_not_found');
      return shown(canceled, clock.nowMs());
    },
  );

  function shown(delivery: DeliveryRecord, nowMs: number) {
    return deliveryJson(delivery, storage.ids, nowMs, deliveryStanding(engine, delivery));
  }

  /** The number of an event; -1, which none has, where there is no such event. */
  async function seqOf(id: string, tenantIds: readonly string[]): Promise<number> {
    const [tenantId = null] = tenantIds;
    const [event, ...others] = await storage.eventGet({ id, tenantId });
    if (others.length > 0) throw new ApiError('ambiguous_id');
    return event?.seq ?? -1;
  }
}
