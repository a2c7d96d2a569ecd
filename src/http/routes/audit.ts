/** The audit log: it is read, and nothing here changes it. */
import type { FastifyInstance } from 'fastify';
import { AUDIT_ACTIONS } from '../../domain/audit.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { auditJson } from '../schemas/audit.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  PAGE_PARAMETERS,
  TIME_PARAMETERS,
  choices,
  queryParameters,
} from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';

const LIST_PARAMETERS = {
  tenant_id: 'Only what concerns these tenants.',
  actor_id: 'Only what these have done: ids of keys, tenants or API clients.',
  action: choices(AUDIT_ACTIONS, 'Only these actions.'),
  resource_id: 'Only what was done to these: ids of tenants, destinations, events, keys.',
  ...TIME_PARAMETERS,
  ...PAGE_PARAMETERS,
};
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 1 };

export function auditRoutes(server: FastifyInstance, { access }: ServerParts): void {
  const { storage } = access;

  server.get(
    '/audit',
    {
      config: { operation: 'audit.list' },
      schema: {
        tags: ['audit'],
        summary: 'List changes of the management',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('AuditEntry'), ...errorResponses(422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const filters = {
        tenantIds: query.list('tenant_id'),
        actorIds: query.list('actor_id'),
        actions: query.allOf('action', AUDIT_ACTIONS),
        resourceIds: query.list('resource_id'),
        time: query.time('time'),
      };
      const page = pageRequest(query, PAGING);
      query.done();
      const found = await storage.auditList({ ...filters, page });
      return { models: found.rows.map(auditJson), pagination: pagination(page, found, 'time') };
    },
  );
}
