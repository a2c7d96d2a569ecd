/** What the engine counts and times for whoever watches the process; telemetry/ keeps it. Calls cost next to nothing. */
import type { FailureReason } from '../domain/attempt.ts';

export interface EngineMeasures {
  /** An event was committed, so long after it came in. */
  published(commitMs: number): void;
  /** An attempt took so long. `reason`: why it failed; `null`: it delivered. */
  attempted(totalMs: number, reason: FailureReason | null): void;
  /** The first byte of a receiver's first answer to an event came so long after the event's commit. */
  firstByte(afterCommitMs: number): void;
  /** Deliveries have ended. */
  delivered(): void;
  failed(): void;
  canceled(count: number): void;
}

/** Where nobody watches. */
export const UNMEASURED: EngineMeasures = {
  published: () => {},
  attempted: () => {},
  firstByte: () => {},
  delivered: () => {},
  failed: () => {},
  canceled: () => {},
};
