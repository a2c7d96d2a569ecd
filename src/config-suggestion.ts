/** "Did you mean": the known word that a mistyped one is nearest to. */

/** `did you mean X?`, or what to do where nothing is near. */
export function suggestion(
  word: string,
  candidates: Iterable<string>,
  otherwise: string,
  spell: (candidate: string) => string = (candidate) => candidate,
): string {
  const found = closest(word, candidates);
  return found === undefined ? otherwise : `did you mean ${spell(found)}?`;
}

/** The nearest candidate within about a third of the word's length in typing mistakes; else `undefined`. */
function closest(word: string, candidates: Iterable<string>): string | undefined {
  const typed = bare(word);
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.max(1, Math.floor(typed.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = typingMistakes(typed, bare(candidate));
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Case and separators are not what a mistake is about. */
function bare(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Optimal string alignment: letters left out, put in, changed, or two neighbours swapped. */
function typingMistakes(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped && row > 1 && column > 1) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}
