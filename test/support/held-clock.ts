/** The machine's clock, whose timers and monotonic time stand still while it is held. */
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';

export interface HeldClock extends Clock {
  hold(): void;
  /** What came due meanwhile is called now. */
  release(): void;
}

export function heldClock(): HeldClock {
  let heldAtMs: number | null = null;
  const due: (() => void)[] = [];
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => heldAtMs ?? systemClock.monotonicMs(),
    schedule: (delayMs, callback) =>
      systemClock.schedule(delayMs, () => {
        if (heldAtMs === null) callback();
        else due.push(callback);
      }),
    soon: (callback) => systemClock.soon(callback),
    hold() {
      heldAtMs = systemClock.monotonicMs();
    },
    release() {
      heldAtMs = null;
      for (const callback of due.splice(0)) callback();
    },
  };
}
