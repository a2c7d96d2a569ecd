/**
 * JMESPath expressions, evaluated on a thread of their own: one at a time, tenants in turn. A thread that takes too long
 * over one, or too much memory, is ended, and another takes its place; this thread never waits.
 */
import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Event } from '../domain/event.ts';
import { expressionInput, PayloadError } from '../domain/payload.ts';
import type { Expressions } from '../domain/payload.ts';
import { checkJmespath } from './jmespath-syntax.ts';
import { TenantTurns } from './tenant-turns.ts';

export interface JmespathOptions {
  readonly clock: Clock;
  /** Of one evaluation. */
  readonly timeoutMs: number;
  /** Of what it gives. */
  readonly maxBytes: number;
}

export interface JmespathExpressions extends Expressions {
  /** What waits is refused; the thread ends. */
  close(): Promise<void>;
}

/** Enough for the largest event, parsed, and what is made of it. */
const MEMORY = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

/** Sources run as they are in the checkout, and compiled in the package. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** What goes to the thread. */
export interface Evaluation {
  readonly expression: string;
  /** JSON. */
  readonly input: Uint8Array;
  readonly maxBytes: number;
}

/** What comes back. */
export type Evaluated =
  | { readonly problem: null; readonly body: Uint8Array }
  | { readonly problem: 'too_large' | 'too_much' | 'failed'; readonly message: string };

interface Waiting extends Evaluation {
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: PayloadError) => void;
}

export function createJmespath(options: JmespathOptions): JmespathExpressions {
  const evaluator = new Evaluator(options);
  return {
    check: checkJmespath,
    evaluate: (expression, event) => evaluator.evaluate(expression, event),
    close: () => evaluator.close(),
  };
}

class Evaluator {
  readonly #options: JmespathOptions;
  readonly #turns = new TenantTurns<Waiting>();
  #worker: Worker | null = null;
  #isReady = false;
  #current: Waiting | null = null;
  #deadline: Timer | null = null;
  #isEnding = false;
  #isClosed = false;

  constructor(options: JmespathOptions) {
    this.#options = options;
  }

  evaluate(expression: string, event: Event): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#turns.add(event.tenantId, {
        expression,
        input: expressionInput(event),
        maxBytes: this.#options.maxBytes,
        resolve,
        reject,
      });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fail(STOPPING);
    this.#next();
    await this.#worker?.terminate();
  }

  #next(): void {
    if (this.#current !== null || this.#isEnding) return;
    let waiting = this.#turns.take();
    for (; this.#isClosed && waiting !== undefined; waiting = this.#turns.take())
      waiting.reject(new PayloadError(STOPPING));
    if (waiting === undefined) return;
    this.#current = waiting;
    if (this.#worker === null) this.#start();
    else if (this.#isReady) this.#post(waiting, this.#worker);
  }

  /** The first expression waits for it; its time counts from when the thread is there. */
  #start(): void {
    const worker = new Worker(new URL(`./jmespath-thread.${EXTENSION}`, import.meta.url), {
      name: 'expressions',
      env: {},
      resourceLimits: MEMORY,
    });
    worker.unref();
    this.#worker = worker;
    worker.on('message', (message: Evaluated | 'ready') => {
      if (message !== 'ready') this.#answered(message);
      else {
        this.#isReady = true;
        if (this.#current !== null) this.#post(this.#current, worker);
      }
    });
    // It is out of memory: nothing else ends it.
    worker.on('error', () => void this.#end(worker, TOO_MUCH));
  }

  #post({ expression, input, maxBytes }: Waiting, worker: Worker): void {
    worker.postMessage({ expression, input, maxBytes } satisfies Evaluation);
    const { clock, timeoutMs } = this.#options;
    this.#deadline = clock.schedule(timeoutMs, () => {
      // While this thread was busy, the answer may have come: it is read before the next timers are.
      const late = this.#current;
      setImmediate(() => {
        if (this.#current === late)
          void this.#end(worker, `The expression took longer than ${timeoutMs / 1000} s.`);
      });
    });
  }

  #answered(evaluated: Evaluated): void {
    const { maxBytes } = this.#options;
    switch (evaluated.problem) {
      case null:
        this.#settle()?.resolve(evaluated.body);
        break;
      case 'too_large':
        this.#fail(`What the expression makes of the event has more than ${maxBytes} bytes.`);
        break;
      case 'too_much':
        this.#fail(TOO_MUCH);
        break;
      case 'failed':
        this.#fail(`The expression does not go with the event: ${sentence(evaluated.message)}`);
    }
    this.#next();
  }

  /** Gives up the thread, and what it was at. */
  async #end(worker: Worker, reason: string): Promise<void> {
    if (worker !== this.#worker || this.#isEnding) return;
    this.#isEnding = true;
    worker.removeAllListeners('message');
    await worker.terminate();
    this.#isEnding = false;
    this.#isReady = false;
    this.#worker = null;
    this.#fail(reason);
    this.#next();
  }

  #fail(reason: string): void {
    this.#settle()?.reject(new PayloadError(reason));
  }

  #settle(): Waiting | null {
    const settled = this.#current;
    this.#current = null;
    this.#deadline?.cancel();
    this.#deadline = null;
    return settled;
  }
}

const STOPPING = 'The expression was given up, as the sender is stopping.';
const TOO_MUCH = 'The expression makes too much of the event.';

function sentence(message: string): string {
  return message.slice(0, 300).replace(/\.?$/, '.');
}
