/** What the audit log tells of changes of destinations: all that is not secret, and which secrets were replaced. */
import { MASK } from '../destinations/destination-type.ts';
import type { DestinationType } from '../destinations/destination-type.ts';
import type { AuditAction, AuditAuthor, AuditEntry, AuditSnapshot } from '../domain/audit.ts';
import type { Destination } from '../domain/destination.ts';
import type { DestinationSecrets } from './destination-secrets.ts';

/** A secret that differs from the one before; neither is told. */
const REPLACED = `${MASK} (replaced)`;

interface Shape {
  readonly destination: Destination;
  readonly secrets: DestinationSecrets;
  readonly type: DestinationType | undefined;
}

/** The entry of a change; `null` where nobody asked for it, or nothing changed. Not both sides are `null`. */
export function destinationAudit(
  author: AuditAuthor | null,
  before: Shape | null,
  after: Shape | null,
): AuditEntry | null {
  const destination = (after ?? before)?.destination;
  if (author === null || destination === undefined) return null;
  const snapshots = {
    before: before === null ? null : snapshot(before, before.secrets),
    after: after === null ? null : snapshot(after, before?.secrets ?? after.secrets),
  };
  if (JSON.stringify(snapshots.before) === JSON.stringify(snapshots.after)) return null;
  return {
    ...author,
    ...snapshots,
    action: actionOf(before?.destination, after?.destination),
    tenantId: destination.tenantId,
    resource: { kind: 'destination', id: destination.id },
  };
}

function actionOf(before: Destination | undefined, after: Destination | undefined): AuditAction {
  if (before === undefined) return 'destination.created';
  if (after === undefined) return 'destination.deleted';
  if (before.disabledAtMs === null && after.disabledAtMs !== null) return 'destination.disabled';
  if (before.disabledAtMs !== null && after.disabledAtMs === null) return 'destination.enabled';
  return 'destination.updated';
}

function snapshot(
  { destination, secrets: { credentials, auth }, type }: Shape,
  known: DestinationSecrets,
): AuditSnapshot {
  const masked = Object.entries(credentials).map(([name, value]) => [
    name,
    known.credentials[name] === value ? MASK : REPLACED,
  ]);
  // What is masked does not depend on the time.
  const shownAuth = type?.showAuth(auth, 0).auth ?? null;
  return {
    type: destination.type,
    name: destination.name,
    profile: destination.profile,
    format: destination.format.name,
    expression: destination.format.name === 'jmespath' ? destination.format.expression : null,
    http_signature: destination.httpSignature,
    topics: destination.topics,
    filter: destination.filter,
    // Of a type that this version does not have, nothing is known to be no secret.
    config: type === undefined ? MASK : type.withoutSecrets(destination.config),
    credentials: Object.fromEntries(masked) as Record<string, string>,
    auth: told(shownAuth, auth, known.auth),
    delivery_metadata: destination.deliveryMetadata,
    metadata: destination.metadata,
    policy: destination.policy,
    subscription: destination.subscription ?? null,
    expires_at: isoOrNull(destination.expiresAtMs ?? null),
    disabled_at: isoOrNull(destination.disabledAtMs),
    disabled_reason: destination.disabledReason,
  };
}

function isoOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}

/** `shown`, with what is masked in it told apart where it is not the value that is known. */
function told(shown: unknown, value: unknown, known: unknown): unknown {
  if (shown === MASK) return value === known ? MASK : REPLACED;
  if (typeof shown !== 'object' || shown === null) return shown;
  const members = Object.entries(shown).map(([name, each]) => [
    name,
    told(each, memberOf(value, name), memberOf(known, name)),
  ]);
  return Object.fromEntries(members);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
