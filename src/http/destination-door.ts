/**
 * What the doors to webhook destinations have in common (Baack's subscriptions, REST hooks): each shows the destinations
 * of one profile, whoever made them, and a client of scope `webhook` its own alone.
 */
import type { FastifyRequest } from 'fastify';
import type { Destination } from '../domain/destination.ts';
import type { Engine } from '../engine/engine.ts';
import { getDestination, listDestinations } from '../engine/manage-destinations.ts';
import type { ManageResult, OpenedDestination } from '../engine/manage-destinations.ts';
import { tooManyDestinations } from './destination-limit.ts';
import { ApiError, validationFailed } from './errors.ts';
import type { ApiErrorCode, FieldError } from './errors.ts';
import { owningClient } from './own-destinations.ts';
import { oneText } from './schemas/fields.ts';
import { tenantScope } from './tenant-scope.ts';

export const TENANT_PARAMETER = {
  tenant_id: oneText('Whose; asked of the operator, whose keys belong to no tenant.'),
};

export interface Door {
  readonly profile: string;
  readonly notFound: ApiErrorCode;
}

/** The tenant that is meant by a call that names no destination. */
export function tenantMeant(request: FastifyRequest, asked: string | null): string {
  const tenantId = tenantScope(request).narrowOne(asked);
  if (tenantId !== null) return tenantId;
  const message = 'Say whose: the operator’s keys belong to no tenant.';
  throw validationFailed([{ pointer: '?tenant_id', code: 'required', message }]);
}

/** Oldest first. */
export async function listThrough(
  door: Door,
  engine: Engine,
  request: FastifyRequest,
  tenantId: string,
): Promise<OpenedDestination[]> {
  if ((await engine.storage.tenantGet({ id: tenantId })) === null)
    throw new ApiError('tenant_not_found');
  const found = await listDestinations(engine, tenantId);
  return found.filter(({ destination }) => isSeen(door, engine, request, destination));
}

export async function findThrough(
  door: Door,
  engine: Engine,
  request: FastifyRequest,
  { id, asked }: { readonly id: string; readonly asked: string | null },
): Promise<OpenedDestination> {
  const meant = tenantScope(request).narrowOne(asked);
  const [tenantId, ...others] = meant === null ? engine.routing.tenantsWith(id) : [meant];
  if (others.length > 0) throw new ApiError('ambiguous_id');
  const found = tenantId === undefined ? null : await getDestination(engine, { tenantId, id });
  if (found === null || !isSeen(door, engine, request, found.destination))
    throw new ApiError(door.notFound);
  return found;
}

/** `pointers`: where the door has what is wrong, by how the pointer begins at a destination. */
export function doneThrough(
  door: Door,
  result: ManageResult,
  pointers: readonly (readonly [string, string])[],
): OpenedDestination {
  switch (result.kind) {
    case 'done':
      return result.opened;
    case 'invalid':
      throw validationFailed(result.problems.map((problem) => moved(problem, pointers)));
    case 'unknown_tenant':
      throw new ApiError('tenant_not_found');
    case 'unknown':
      throw new ApiError(door.notFound);
    case 'too_many':
      throw tooManyDestinations(result.max);
    case 'id_taken':
      throw new ApiError('id_taken');
    case 'changed_meanwhile':
    case 'other_revision':
      throw new ApiError('changed_meanwhile');
  }
}

function moved(
  { pointer, code, message }: FieldError,
  pointers: readonly (readonly [string, string])[],
): FieldError {
  const [, here = pointer] = pointers.find(([start]) => pointer.startsWith(start)) ?? [];
  return { pointer: here, code, message };
}

function isSeen(
  { profile }: Door,
  { routing }: Engine,
  { caller }: FastifyRequest,
  { tenantId, id, type, subscription }: Destination,
): boolean {
  if (type !== 'webhook' || routing.target(tenantId, id)?.profile.name !== profile) return false;
  const owner = owningClient(caller);
  return owner === null || subscription?.apiClient === owner;
}

/** Under names that sort by age and never change. */
export function byAge(found: readonly OpenedDestination[]) {
  return found
    .map((opened) => {
      const { createdAtMs, id } = opened.destination;
      return { name: `${String(createdAtMs).padStart(15, '0')} ${id}`, opened };
    })
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}
