/** What the server is made of; handed over by serve.ts. */
import type { MailLinks } from '../domain/mail-link.ts';
import type { Access } from '../engine/access.ts';
import type { OutboxMeasures } from '../domain/outbox.ts';
import type { PublicJwk } from '../domain/instance-keys.ts';
import type { Engine } from '../engine/engine.ts';
import type { HttpLog } from './http-log.ts';
import type { TenantTokens } from './tenant-token.ts';

export interface ServerParts {
  readonly engine: Engine;
  readonly access: Access;
  /** The operator’s key of the configuration. */
  readonly apiKey: string;
  readonly tokens: TenantTokens;
  readonly mailLinks: MailLinks;
  readonly version: string;
  readonly publicUrl: string;
  /** By which receivers verify what the instance's own key has signed; the one that signs first. */
  readonly publicKeys: readonly PublicJwk[];
  /** Proxies whose X-Forwarded-* headers count. */
  readonly trustProxy: readonly string[];
  readonly limits: ServerLimits;
  /** Of one address in a minute (sign-in-limit.ts). */
  readonly maxFailedSignIns?: number;
  /** Whether the API is answered, or only whether the node is well and its metrics; yes by default. */
  readonly answersApi?: boolean;
  readonly metrics: MetricsText;
  /** Whose relays are part of this process. */
  readonly outboxes?: OutboxHealth;
  readonly log: HttpLog;
}

export interface OutboxHealth {
  measures(): readonly OutboxMeasures[];
}

/** What is measured of the process, as text. */
export interface MetricsText {
  readonly contentType: string;
  text(): string;
}

export interface ServerLimits {
  readonly maxPayloadBytes: number;
  readonly maxBatchBytes: number;
  /** A tenant may have other limits of its own (domain/tenant.ts). */
  readonly maxDestinationsPerTenant: number;
  /** `null`: as many as there are. */
  readonly maxPublishPerMinute: number | null;
  /** How long events are kept. */
  readonly retentionDays: number;
}
