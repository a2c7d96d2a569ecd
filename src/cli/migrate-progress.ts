/** How far a copy has come: on a terminal a line that is written anew, elsewhere a line for each table. */
import type { CopyStep } from '../storage/copy.ts';

export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const REDRAW_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

export class CopyProgress {
  readonly #stream: ProgressStream;
  readonly #nowMs: () => number;
  #drawnAtMs = -Infinity;
  #verifiedRows = 0;

  constructor(stream: ProgressStream, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  get verifiedRows(): number {
    return this.#verifiedRows;
  }

  show(step: CopyStep): void {
    if (step.kind === 'verified') this.#verifiedRows += step.rows;
    const isWhole = step.rows >= step.total;
    const text = `${step.kind.padEnd(8)}  ${step.table.padEnd(20)}${grouped(step.rows).padStart(15)} of ${grouped(step.total)} rows`;
    if (this.#stream.isTTY === true) {
      if (!isWhole && this.#nowMs() - this.#drawnAtMs < REDRAW_MS) return;
      this.#drawnAtMs = this.#nowMs();
      this.#stream.write(`${CLEAR_LINE}${text}`);
    } else if (isWhole && step.total > 0) this.#stream.write(`${text}\n`);
  }

  /** Leaves a clean line. */
  end(): void {
    if (this.#stream.isTTY === true) this.#stream.write(CLEAR_LINE);
  }
}

/** 12,345,678 */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}
