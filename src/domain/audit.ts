/** The audit log: who changed what. One entry a change, committed with it. */

export const AUDIT_ACTIONS = [
  'tenant.created',
  'tenant.updated',
  'tenant.deleted',
  'tenant.token_issued',
  'tenant.portal_link_issued',
  'destination.created',
  'destination.updated',
  'destination.enabled',
  'destination.disabled',
  'destination.deleted',
  'delivery.retried',
  'delivery.canceled',
  'topic.created',
  'topic.updated',
  'topic.deleted',
  'replay.created',
  'replay.paused',
  'replay.resumed',
  'replay.canceled',
  'key.created',
  'key.updated',
  'key.revoked',
  'client.created',
  'client.updated',
  'client.rotated',
  'client.certified',
  'client.revoked',
  'tenant.secret_rotated',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `engine`: nobody asked for it, a rule did it. */
export const ACTOR_KINDS = ['operator', 'tenant', 'client', 'engine'] as const;

export interface AuditActor {
  readonly kind: (typeof ACTOR_KINDS)[number];
  /** Of the key, the tenant or the API client; `null`: the key of the configuration, or the engine. */
  readonly id: string | null;
  /** As people know it: the name of the key or client, the role of the token, the rule (`DisabledReason`). */
  readonly name: string;
}

/** Who asked for a change, when and from where. */
export interface AuditAuthor {
  readonly atMs: number;
  readonly actor: AuditActor;
  /** Of the request, as its id is; both are empty where there was none. */
  readonly address: string;
  readonly requestId: string;
}

/** What it was like, as the API shows it; secrets are masked. */
export type AuditSnapshot = Readonly<Record<string, unknown>>;

export interface AuditResource {
  readonly kind:
    | 'tenant'
    | 'destination'
    | 'event'
    | 'delivery'
    | 'replay'
    | 'topic'
    | 'key'
    | 'client';
  readonly id: string;
}

export interface AuditEntry extends AuditAuthor {
  readonly action: AuditAction;
  /** `null`: it concerns no tenant. */
  readonly tenantId: string | null;
  readonly resource: AuditResource;
  /** `null`: it was not there. */
  readonly before: AuditSnapshot | null;
  /** `null`: it is not there any more. */
  readonly after: AuditSnapshot | null;
}

/**
 * The entry of a change of a tenant, for the driver that makes it: only inside the transaction is known what was there.
 * `null` where nothing changed.
 */
export function tenantAudit(
  author: AuditAuthor,
  id: string,
  before: AuditSnapshot | null,
  after: AuditSnapshot | null,
): AuditEntry | null {
  if (JSON.stringify(before) === JSON.stringify(after)) return null;
  const action =
    before === null ? 'tenant.created' : after === null ? 'tenant.deleted' : 'tenant.updated';
  return { ...author, action, tenantId: id, resource: { kind: 'tenant', id }, before, after };
}

/** The entry of a change of a topic of the catalogue, as above. */
export function topicAudit(
  author: AuditAuthor,
  name: string,
  before: AuditSnapshot | null,
  after: AuditSnapshot | null,
): AuditEntry {
  const action =
    before === null ? 'topic.created' : after === null ? 'topic.deleted' : 'topic.updated';
  return {
    ...author,
    action,
    tenantId: null,
    resource: { kind: 'topic', id: name },
    before,
    after,
  };
}
