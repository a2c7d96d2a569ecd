/** Who calls: what a credential stands for once it was recognised. */

export const KEY_SCOPES = ['admin', 'publish', 'read'] as const;
/** Of an operator's key: everything, publishing alone, or reading alone. */
export type KeyScope = (typeof KEY_SCOPES)[number];

export const TENANT_ROLES = ['admin', 'viewer'] as const;
/** Of a tenant's token: a viewer reads and changes nothing. */
export type TenantRole = (typeof TENANT_ROLES)[number];

export const CLIENT_SCOPES = ['webhook', 'api'] as const;
/** Of an API client: its subscriptions alone, or publishing, reading and retrying in its tenant. */
export type ClientScope = (typeof CLIENT_SCOPES)[number];

export interface OperatorCaller {
  readonly kind: 'operator';
  readonly scope: KeyScope;
  /** `null`: the key of the configuration. */
  readonly keyId: string | null;
  readonly name: string;
}

export interface TenantCaller {
  readonly kind: 'tenant';
  readonly tenantId: string;
  readonly role: TenantRole;
  /** There was no such tenant when the token was given: it may set this tenant up. */
  readonly maySetUp: boolean;
}

export interface ClientCaller {
  readonly kind: 'client';
  readonly urn: string;
  readonly name: string;
  readonly tenantId: string;
  readonly scope: ClientScope;
  /** What it may subscribe to, subject by subject. */
  readonly permissions: 'all' | readonly ClientPermission[];
}

/** Of a subject (domain/subject.ts) those events. */
export interface ClientPermission {
  readonly subject: string;
  readonly events: readonly ('CREATE' | 'UPDATE' | 'DELETE' | 'ALL')[];
}

export type Caller = OperatorCaller | TenantCaller | ClientCaller;

/** A kind of credential, as the table of permissions names it. */
export type Grant = `operator:${KeyScope}` | `tenant:${TenantRole}` | `client:${ClientScope}`;

export function grantOf(caller: Caller): Grant {
  switch (caller.kind) {
    case 'operator':
      return `operator:${caller.scope}`;
    case 'tenant':
      return `tenant:${caller.role}`;
    case 'client':
      return `client:${caller.scope}`;
  }
}
