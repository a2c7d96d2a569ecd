/**
 * The time that this thread had: a machine with other work, or a thread that was held up, makes no answer late that is
 * measured by it. For what is promised of a server that runs.
 */
const TICK_MS = 10;

export interface Stopwatch {
  readonly elapsedMs: number;
  stop(): void;
}

export function startStopwatch(): Stopwatch {
  let elapsedMs = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    elapsedMs += Math.min(nowMs - lastMs, 2 * TICK_MS);
    lastMs = nowMs;
  }, TICK_MS);
  return {
    get elapsedMs() {
      return elapsedMs;
    },
    stop: () => clearInterval(timer),
  };
}
