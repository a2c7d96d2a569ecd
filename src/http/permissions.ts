/**
 * Who may do what: one table. Each route says in its `config` which operation it is; a route that says none keeps the
 * server from starting (plugins/authorize.ts). test/api/permissions.test.ts walks every route with every kind of
 * credential, and compares.
 *
 * Callers that belong to a tenant have a second bound, that of their tenant: tenant-scope.ts.
 */
import type { AuditAction } from '../domain/audit.ts';
import type { Grant } from '../domain/caller.ts';

export interface Permission {
  /** `anyone`: also without a credential. */
  readonly who: 'anyone' | readonly Grant[];
  /** What it leaves in the audit log where it changes something; every operation that is no reading one says it. */
  readonly audit: readonly AuditAction[];
  /** It gives every tenant the same, and so need not look at whose token it is. */
  readonly sameForAll: boolean;
}

const ADMINS: readonly Grant[] = ['operator:admin'];
const PUBLISHERS: readonly Grant[] = ['operator:admin', 'operator:publish', 'client:api'];
/** Of what belongs to tenants. */
const READERS: readonly Grant[] = [
  'operator:admin',
  'operator:read',
  'tenant:admin',
  'tenant:viewer',
  'client:api',
];
/** Those who may have events sent again. */
const RETRIERS: readonly Grant[] = ['operator:admin', 'tenant:admin', 'client:api'];
/** An API client sees no other, nor itself. */
const CLIENT_READERS: readonly Grant[] = READERS.filter((grant) => !grant.startsWith('client:'));
/** Those who look after a tenant's destinations. */
const MANAGERS: readonly Grant[] = ['operator:admin', 'tenant:admin'];
/** Of subscriptions and hooks; a client of scope `webhook` sees its own alone (own-destinations.ts). */
const DOOR_READERS: readonly Grant[] = [...READERS, 'client:webhook'];
const DOOR_USERS: readonly Grant[] = [...MANAGERS, 'client:webhook'];

export const PERMISSIONS = {
  'health.get': { who: 'anyone', audit: [], sameForAll: true },
  'public_keys.get': { who: 'anyone', audit: [], sameForAll: true },

  'tenants.list': reads(READERS),
  'tenants.get': reads(READERS),
  'tenants.put': changes(MANAGERS, 'tenant.created', 'tenant.updated'),
  'tenants.delete': changes(ADMINS, 'tenant.deleted'),
  'deletions.list': reads(['operator:admin', 'operator:read']),
  'tenants.token': changes(ADMINS, 'tenant.token_issued'),
  'tenants.portal': changes(ADMINS, 'tenant.portal_link_issued'),

  'destinations.list': reads(READERS),
  'destinations.get': reads(READERS),
  'destinations.create': changes(MANAGERS, 'destination.created'),
  'destinations.change': changes(
    MANAGERS,
    'destination.updated',
    'destination.enabled',
    'destination.disabled',
  ),
  'destinations.enable': changes(MANAGERS, 'destination.enabled'),
  'destinations.disable': changes(MANAGERS, 'destination.disabled'),
  'destinations.rotate': changes(MANAGERS, 'destination.updated'),
  'destinations.delete': changes(MANAGERS, 'destination.deleted'),
  'filters.test': reads(READERS),
  // As with publishing: it is in the list of events, marked.
  'destinations.test': changes(MANAGERS),
  'destination_types.list': readsSame(),
  'destination_types.get': readsSame(),

  'topics.list': readsSame(),
  'catalogue.list': readsSame(),
  'catalogue.get': readsSame(),
  'catalogue.export': readsSame(),
  'catalogue.put': changes(ADMINS, 'topic.created', 'topic.updated'),
  'catalogue.import': changes(ADMINS, 'topic.created', 'topic.updated'),
  'catalogue.delete': changes(ADMINS, 'topic.deleted'),

  // What is published is in the list of events: the audit log is for what is managed.
  'publish.one': changes(PUBLISHERS),
  'publish.batch': changes(PUBLISHERS),
  'events.list': reads(READERS),
  'events.get': reads(READERS),
  'deliveries.list': reads(DOOR_READERS),
  'deliveries.get': reads(DOOR_READERS),
  'deliveries.retry': changes(RETRIERS, 'delivery.retried'),
  'deliveries.cancel': changes(RETRIERS, 'delivery.canceled'),
  'events.cancel': changes(RETRIERS, 'delivery.canceled'),
  'replays.list': reads(READERS),
  'replays.get': reads(READERS),
  'replays.create': changes(RETRIERS, 'replay.created'),
  'replays.pause': changes(RETRIERS, 'replay.paused'),
  'replays.resume': changes(RETRIERS, 'replay.resumed'),
  'replays.cancel': changes(RETRIERS, 'replay.canceled'),
  'attempts.list': reads(DOOR_READERS),
  'attempts.get': reads(DOOR_READERS),

  'metrics.events': reads(READERS),
  'metrics.attempts': reads(READERS),
  'exports.events': reads(READERS),
  'exports.attempts': reads(READERS),
  'usage.list': reads(['operator:admin', 'operator:read', 'tenant:admin']),
  'process.metrics': reads(['operator:admin', 'operator:read']),

  'keys.list': reads(ADMINS),
  'keys.get': reads(ADMINS),
  'keys.create': changes(ADMINS, 'key.created'),
  'keys.change': changes(ADMINS, 'key.updated'),
  'keys.revoke': changes(ADMINS, 'key.revoked'),
  // What is stored says the same as before.
  'keys.reencrypt': changes(ADMINS),

  'profiles.list': { who: READERS, audit: [], sameForAll: true },

  'clients.list': reads(CLIENT_READERS),
  'clients.get': reads(CLIENT_READERS),
  'clients.create': changes(MANAGERS, 'client.created'),
  'clients.change': changes(MANAGERS, 'client.updated'),
  'clients.rotate': changes(MANAGERS, 'client.rotated'),
  'clients.certify': changes(MANAGERS, 'client.certified'),
  'clients.revoke': changes(MANAGERS, 'client.revoked'),

  'subscriptions.list': reads(DOOR_READERS),
  'subscriptions.get': reads(DOOR_READERS),
  'subscriptions.subjects': { ...reads(DOOR_READERS), sameForAll: true },
  'subscriptions.create': changes(DOOR_USERS, 'destination.created'),
  'subscriptions.change': changes(DOOR_USERS, 'destination.updated'),
  'subscriptions.renew': changes(DOOR_USERS, 'destination.updated'),
  'subscriptions.enable': changes(DOOR_USERS, 'destination.enabled'),
  'subscriptions.delete': changes(DOOR_USERS, 'destination.deleted'),

  'hooks.list': reads(DOOR_READERS),
  'hooks.get': reads(DOOR_READERS),
  'hooks.samples': reads(DOOR_READERS),
  'hooks.create': changes(
    DOOR_USERS,
    'destination.created',
    'destination.updated',
    'destination.enabled',
  ),
  'hooks.delete': changes(DOOR_USERS, 'destination.deleted'),
  'environment.secret': changes(MANAGERS, 'tenant.secret_rotated'),

  'audit.list': reads(['operator:admin', 'operator:read']),
} as const satisfies Record<string, Permission>;

export type OperationId = keyof typeof PERMISSIONS;

/** Nothing of a tenant is under these paths, save what the token of a mail's link stands for (routes/mail-links.ts); no route there needs to say what it is. */
const OPEN_PATHS = /^\/(?:docs|mail|portal|console|\.well-known)(?:\/|$)|^\/openapi\.json$/;

export function isOpenPath(path: string): boolean {
  return OPEN_PATHS.test(path);
}

export function permissionOf(operation: OperationId): Permission {
  return PERMISSIONS[operation];
}

function reads(who: readonly Grant[]): Permission {
  return { who, audit: [], sameForAll: false };
}

/** Of what is the instance's: what there is to subscribe to, and where to. */
function readsSame(): Permission {
  return { who: [...READERS, 'operator:publish'], audit: [], sameForAll: true };
}

function changes(who: readonly Grant[], ...audit: readonly AuditAction[]): Permission {
  return { who, audit, sameForAll: false };
}
