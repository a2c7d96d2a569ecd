/**
 * Where the time of a thread went: the self time of a .cpuprofile by part of the program, and its top functions.
 *
 *     npm run bench -- batched --profile
 *     node bench/profile.ts FILE.cpuprofile... [--top N] [--from S] [--to S]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0; -1 where there is none. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

interface Place {
  readonly category: string;
  readonly label: string;
}

interface Window {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

const IDLE = 'idle';
const MIN_SHARE = 0.005;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    top: { type: 'string', default: '30' },
    from: { type: 'string', default: '0' },
    to: { type: 'string', default: 'Infinity' },
  },
});
if (positionals.length === 0) {
  console.error('node bench/profile.ts FILE.cpuprofile... [--top N] [--from S] [--to S]');
  process.exit(1);
}
for (const path of positionals) {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile;
  console.log(`\n${path}`);
  print(profile, { fromSeconds: Number(values.from), toSeconds: Number(values.to) });
}

function print(profile: Profile, window: Window): void {
  const places = placesOf(profile.nodes);
  const byPlace = new Map<Place, number>();
  let sinceStart = 0;
  let whole = 0;
  profile.samples.forEach((id, index) => {
    const delta = Math.max(0, profile.timeDeltas[index] ?? 0);
    sinceStart += delta;
    const place = places.get(id);
    if (place === undefined || sinceStart < window.fromSeconds * 1e6) return;
    if (sinceStart > window.toSeconds * 1e6) return;
    whole += delta;
    byPlace.set(place, (byPlace.get(place) ?? 0) + delta);
  });
  const idle = sumOf(byPlace, ({ category }) => category === IDLE);
  const busy = whole - idle;
  console.log(
    `${(whole / 1e6).toFixed(1)} s, busy ${(busy / 1e6).toFixed(1)} s (${((100 * busy) / whole).toFixed(0)} %); shares of the busy time:\n`,
  );
  printShares(
    grouped(byPlace, ({ category }) => category),
    busy,
    Infinity,
  );
  console.log('');
  printShares(
    grouped(byPlace, ({ category, label }) => `${category}: ${label}`),
    busy,
    Number(values.top),
  );
}

/** Functions written in C++ have no file: they count for the function that called them. */
function placesOf(nodes: readonly ProfileNode[]): Map<number, Place> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const places = new Map<number, Place>();
  const known = new Map<string, Place>();
  const visit = (node: ProfileNode, caller: Place | null): void => {
    const found = placeOf(node, caller);
    const key = `${found.category}\0${found.label}`;
    const place = known.get(key) ?? found;
    known.set(key, place);
    places.set(node.id, place);
    for (const child of node.children ?? []) {
      const next = byId.get(child);
      if (next !== undefined) visit(next, node.callFrame.url === '' ? caller : place);
    }
  };
  const [root] = nodes;
  if (root !== undefined) visit(root, null);
  return places;
}

function placeOf(
  { callFrame: { functionName, url, lineNumber } }: ProfileNode,
  caller: Place | null,
): Place {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') {
    if (name === '(idle)') return { category: IDLE, label: '' };
    if (name === '(garbage collector)') return { category: 'garbage collector', label: '' };
    if (caller === null) return { category: 'node and kernel', label: name };
    return { category: caller.category, label: `${name} < ${caller.label}` };
  }
  const category = categoryOf(url);
  const file = url.slice(url.lastIndexOf('/') + 1);
  return { category, label: `${name} (${file}:${lineNumber + 1})` };
}

/** `src/engine`, `src/storage/sqlite`, `undici`, `node:http`, ... */
function categoryOf(url: string): string {
  const module = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (module !== undefined) return module;
  const own = /\/((?:src|dist)\/(?:[^/]+\/)*)[^/]*$/.exec(url)?.[1];
  if (own !== undefined) return own.replace(/\/$/, '');
  const builtIn = /^(node:(?:internal\/)?[^/]+)/.exec(url)?.[1];
  return builtIn ?? 'other';
}

function grouped(
  byPlace: ReadonlyMap<Place, number>,
  nameOf: (place: Place) => string,
): Map<string, number> {
  const groups = new Map<string, number>();
  for (const [place, microseconds] of byPlace) {
    if (place.category === IDLE) continue;
    const name = nameOf(place);
    groups.set(name, (groups.get(name) ?? 0) + microseconds);
  }
  return groups;
}

function printShares(groups: ReadonlyMap<string, number>, whole: number, count: number): void {
  const sorted = [...groups].sort(([, a], [, b]) => b - a);
  for (const [name, microseconds] of sorted.slice(0, count)) {
    const share = microseconds / whole;
    if (share < MIN_SHARE) break;
    console.log(
      `${(100 * share).toFixed(1).padStart(6)} %  ${(microseconds / 1000).toFixed(0).padStart(7)} ms  ${name}`,
    );
  }
}

function sumOf(byPlace: ReadonlyMap<Place, number>, matches: (place: Place) => boolean): number {
  let sum = 0;
  for (const [place, microseconds] of byPlace) if (matches(place)) sum += microseconds;
  return sum;
}
