import type { JsonProblem } from '../domain/topic-catalogue.ts';

/** What the engine has to say to the operator; the wording is in telemetry/. */
export interface EngineLog {
  /** Due deliveries could not be claimed; tried again. */
  claimFailed(error: unknown): void;
  /** A delivery to a disabled destination could not be canceled; it stays pending until the next start. */
  cancelFailed(error: unknown): void;
  /** Deliveries could not be given back; they stay claimed by this process. */
  releaseFailed(error: unknown): void;
  /** Outcomes could not be written; no attempt starts until they are. `held`: how many wait in memory. */
  recordFailed(error: unknown, held: number): void;
  /** Outcomes are written again. */
  recordResumed(): void;
  /** An outcome was refused for another reason than the medium's, again and again, and was dropped. */
  outcomeDropped(error: unknown, deliveryId: string): void;
  /** A notice could not be told; tried again. */
  noticeFailed(topic: string, error: unknown): void;
  /** A notice was given up: too many wait. */
  noticeDropped(topic: string, tenantId: string, destinationId: string): void;
  /** A destination was disabled, or deleted, without anybody asking for it. */
  destinationEnded(tenantId: string, destinationId: string, reason: string): void;
  /** It could not be; the next failure tries again. */
  destinationEndFailed(tenantId: string, destinationId: string, error: unknown): void;
  /** A service's round failed; tried again. */
  serviceFailed(name: string, error: unknown): void;
  /** A destination's secrets or configuration cannot be used. */
  destinationUnusable(tenantId: string, destinationId: string, error: unknown): void;
  /** A filter took too many steps with an event of that topic, and so did not match it. */
  filterGaveUp(tenantId: string, destinationId: string, topic: string): void;
  /** Events were not of their topic's schema, and were accepted; one line a topic a minute. `count`: since the last. */
  schemaViolated(topic: string, count: number, problem: JsonProblem): void;
  /** A stored schema does not compile: nothing of its topic is checked. */
  schemaUnusable(topic: string, reason: string): void;
}
