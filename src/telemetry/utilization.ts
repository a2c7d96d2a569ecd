/** How busy the thread's event loop is, looked at twenty times a second. */
import { performance } from 'node:perf_hooks';

const LOOK_MS = 50;

/** 0 to 1, over the last twentieth of a second. It does not keep the process alive. */
export function watchUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  let utilization = 0;
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    ({ utilization } = performance.eventLoopUtilization(now, last));
    last = now;
  }, LOOK_MS).unref();
  return () => utilization;
}
