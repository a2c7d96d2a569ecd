/**
 * A way to PostgreSQL on which the next transaction that takes numbers stands still while it holds them: the node, or what it
 * says, is stopped there until the test lets it go on.
 */
import { startWay } from './postgres-way.ts';

/** When the node has been answered nothing yet; or when the server has read half of what it is to insert. */
export type Moment = 'taken' | 'half sent';

export interface HoldingProxy {
  /** The URL, by this way. */
  readonly url: string;
  /** Once. Resolves when the server has given it the numbers. */
  holdNext(moment: Moment): Promise<void>;
  /** What was on its way comes through. */
  letGo(): void;
  close(): Promise<void>;
}

export async function startHoldingProxy(url: string): Promise<HoldingProxy> {
  let next: { readonly moment: Moment; readonly onHeld: () => void } | null = null;
  let letGo: (() => void) | null = null;
  const hold = (rest: () => void) => {
    next?.onHeld();
    next = null;
    letGo = rest;
  };
  const way = await startWay(url, (near, far) => {
    let isTaking = false;
    let kept: (() => void)[] | null = null;
    const keep = (first: () => void) => {
      const held = (kept = [first]);
      hold(() => {
        kept = null;
        for (const say of held) say();
      });
    };
    near.on('data', (chunk: Buffer) => {
      const said = chunk.toString('latin1');
      const half = middleOfValues(chunk);
      if (kept !== null) kept.push(() => far.write(chunk));
      else if (next?.moment === 'half sent' && half !== null) {
        far.write(chunk.subarray(0, half));
        keep(() => far.write(chunk.subarray(half)));
      } else {
        isTaking ||= said.includes('UPDATE numbers');
        far.write(chunk);
      }
    });
    far.on('data', (chunk) => {
      const isTaken = isTaking;
      isTaking = false;
      if (kept !== null) kept.push(() => near.write(chunk));
      else if (isTaken && next?.moment === 'taken') keep(() => near.write(chunk));
      else near.write(chunk);
    });
    // A node that stands still learns of it when it goes on.
    return (other) => {
      if (kept === null) other.destroy();
      else kept.push(() => other.end());
    };
  });
  return {
    url: way.url,
    holdNext: (moment) =>
      new Promise((resolve) => {
        next = { moment, onHeld: resolve };
      }),
    letGo() {
      letGo?.();
      letGo = null;
    },
    close: () => way.close(),
  };
}

/** Of the first insert of events among these messages (PostgreSQL manual, 54.7: Parse, then Bind); `null`: there is none. */
function middleOfValues(messages: Buffer): number | null {
  const text = messages.indexOf('INSERT INTO events');
  if (text === -1) return null;
  for (let from = 0; from + 5 <= messages.length;) {
    const to = from + 1 + messages.readInt32BE(from + 1);
    if (from > text) return Math.floor((from + to) / 2);
    from = to;
  }
  return null;
}
