/** What the server is made of; handed over by main.ts. */
import type { Engine } from '../engine/engine.ts';
import type { HttpLog } from './http-log.ts';

export interface ServerParts {
  readonly engine: Engine;
  readonly apiKey: string;
  readonly version: string;
  readonly publicUrl: string;
  /** Proxies whose X-Forwarded-* headers count. */
  readonly trustProxy: readonly string[];
  readonly limits: ServerLimits;
  readonly log: HttpLog;
}

export interface ServerLimits {
  readonly maxPayloadBytes: number;
  readonly maxBatchBytes: number;
  readonly maxDestinationsPerTenant: number;
  /** How long events are kept. */
  readonly retentionDays: number;
}
