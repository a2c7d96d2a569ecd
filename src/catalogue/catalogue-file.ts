/**
 * The operator's catalogue as a file: YAML 1.2 with `topics`, by name. `definitions` is for what several of them share:
 * it is anchored there (`&room`) and put in by `*room`.
 */
import type * as Yaml from 'yaml';
import { pointerTo, pointerTokens } from '../domain/json-pointer.ts';
import type { SchemaCompiler, TopicEntry } from '../domain/topic-catalogue.ts';
import { isJsonObject, parseTopicEntry } from './topic-entry.ts';

export type ParsedCatalogue =
  | { readonly ok: true; readonly topics: readonly TopicEntry[] }
  /** A line each, with the place. */
  | { readonly ok: false; readonly problems: readonly string[] };

const FIELDS = ['topics', 'definitions'];
/** Of the same anchor: a catalogue is no bomb, and needs many. */
const MAX_ALIASES = 10_000;

/** `path` names the file in problems. */
export async function parseCatalogueFile(
  content: string,
  path: string,
  compiler: SchemaCompiler,
): Promise<ParsedCatalogue> {
  // Only who has a file pays for loading the parser.
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    const problems = syntax.map(
      ({ pos, message }) =>
        `${path}:${lines.linePos(pos[0]).line}: this is no valid YAML: ${message}`,
    );
    return { ok: false, problems };
  }
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  const problems: string[] = [];
  const wrong = (pointer: string, message: string) => {
    const tokens = pointerTokens(pointer) ?? [];
    const { line } = lines.linePos(offsetOf(document, tokens, yaml));
    problems.push(
      `${path}:${line}: ${tokens.length === 0 ? '' : `${tokens.join('.')}: `}${message}`,
    );
  };
  const topics: TopicEntry[] = [];
  if (!isJsonObject(value) || !isJsonObject(value['topics']))
    wrong('', 'a catalogue has its topics by name under `topics`.');
  else {
    for (const field of Object.keys(value).filter((each) => !FIELDS.includes(each)))
      wrong(pointerTo('', field), `there is no such field; there are ${FIELDS.join(', ')}.`);
    for (const [name, given] of Object.entries(value['topics'])) {
      const parsed = parseTopicEntry(name, given ?? {}, compiler);
      if (parsed.ok) topics.push(parsed.entry);
      else
        for (const { pointer, message } of parsed.problems)
          wrong(`${pointerTo('/topics', name)}${pointer}`, message);
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, topics };
}

/** Where it stands, or the nearest that is around it. */
function offsetOf(document: Yaml.Document, tokens: readonly string[], yaml: typeof Yaml): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const token of tokens) {
    if (yaml.isAlias(node)) break;
    const pair = yaml.isMap(node)
      ? node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === token)
      : undefined;
    if (pair !== undefined && yaml.isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair?.value ?? (yaml.isSeq(node) ? node.items[Number(token)] : undefined);
    if (yaml.isNode(node) && pair === undefined) offset = node.range?.[0] ?? offset;
  }
  return offset;
}
