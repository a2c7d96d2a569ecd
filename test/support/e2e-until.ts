/** Waiting for what another process does: looks again until it is there. */
import { setTimeout as pause } from 'node:timers/promises';

/** Processes have to start, and a machine with other work takes several times as long. */
const DEADLINE_MS = 90_000;
const PAUSE_MS = 10;

/** Resolves with the first value that is not `undefined`; rejects, naming what was waited for, at the deadline. */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<Value> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await pause(PAUSE_MS);
  }
}

/** Resolves when the condition holds. */
export async function untilTrue(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  await until(what, async () => ((await holds()) ? true : undefined), deadlineMs);
}
