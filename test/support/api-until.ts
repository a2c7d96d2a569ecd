/** Waiting without sleeping: looks again until what is waited for is there. */
import { setTimeout as pause } from 'node:timers/promises';

const DEADLINE_MS = 10_000;
const MAX_PAUSE_MS = 20;

/** Resolves with the first value that is not `undefined`; rejects, naming what was waited for, after 10 s. */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
): Promise<Value> {
  const startMs = performance.now();
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() - startMs > DEADLINE_MS) throw new Error(`waited in vain for ${what}`);
    await pause(pauseMs);
  }
}
