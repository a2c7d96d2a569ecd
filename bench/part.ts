/** The other side of `Part` (children.ts): what a file of this folder needs to run as a process of a bench. */

/** The options that it was started with; the caller knows their shape. It ends when the bench does. */
export function partOptions(): unknown {
  process.on('disconnect', () => process.exit());
  return JSON.parse(process.argv[2] ?? '{}') as unknown;
}

export function tell(message: object): void {
  process.send?.(message);
}

/** Answers each question with what `answer` makes of it. */
export function answerQuestions(answer: (question: unknown) => object): void {
  process.on('message', (question) => tell(answer(question)));
}

/** The wall clock with fractions of a millisecond. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
