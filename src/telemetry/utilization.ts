/** How busy the thread's event loop is. It is looked at when somebody asks: an idle process has no reason to wake. */
import { performance } from 'node:perf_hooks';

const WINDOW_MS = 50;

/** 0 to 1, over a span of at least a twentieth of a second that ended as short a while ago, if it was asked for then. */
export function watchUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  let lookedAtMs = performance.now();
  let utilization = 0;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lookedAtMs < WINDOW_MS) return utilization;
    const now = performance.eventLoopUtilization();
    ({ utilization } = performance.eventLoopUtilization(now, last));
    last = now;
    lookedAtMs = nowMs;
    return utilization;
  };
}
