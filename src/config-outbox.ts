/**
 * Where applications' outboxes are: in the configuration file a list of `{url, schema, name}`, in a variable or flag a list
 * of URLs. A refusal shows no URL, as it may hold a password.
 */
import { listOf, Members, text } from './config-node.ts';
import type { ConfigNode, Place, Reader } from './config-node.ts';
import { parsePostgresUrl } from './config-values.ts';
import type { Parsed } from './config-values.ts';
import { DEFAULT_OUTBOX_SCHEMA, OUTBOX_SCHEMA } from './domain/outbox.ts';
import type { OutboxPlace } from './domain/outbox.ts';

export interface DefinedOutbox {
  readonly place: OutboxPlace;
  /** Such as `angarium.yaml:7`, or the variable. */
  readonly position: string;
}

const MAX_OUTBOXES = 100;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const SCHEMA_ADVICE = 'a schema’s name is 1 to 63 of the characters a-z, 0-9 and _, no digit first';

/** URLs, comma-separated, or the word `none`. */
export function parseOutboxUrls(written: string): Parsed<readonly OutboxPlace[] | null> {
  if (written === 'none') return { ok: true, value: null };
  // A password may hold a comma.
  const parsed = written.split(/\s*,\s*(?=postgres(?:ql)?:)/i).map(parseOutboxUrl);
  const errors = parsed.flatMap((each) => (each.ok ? [] : each.errors));
  if (errors.length > 0) return { ok: false, errors: [...new Set(errors)] };
  return { ok: true, value: parsed.flatMap((each) => (each.ok ? [each.value] : [])) };
}

/** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?schema=NAME` where it is another than `angarium`. */
function parseOutboxUrl(written: string): Parsed<OutboxPlace> {
  const wrong = (error: string): Parsed<never> => ({ ok: false, errors: [error] });
  if (!/^postgres(?:ql)?:/i.test(written))
    return wrong(
      'it is no URL of a PostgreSQL database: write postgres://USER:PASSWORD@HOST:PORT/DATABASE',
    );
  const parsed = parsePostgresUrl(written);
  if (!parsed.ok) return parsed;
  const url = new URL(parsed.value.url);
  const schema = url.searchParams.get('schema') ?? DEFAULT_OUTBOX_SCHEMA;
  if (!OUTBOX_SCHEMA.test(schema)) return wrong(`its schema is no name of one: ${SCHEMA_ADVICE}`);
  url.searchParams.delete('schema');
  return { ok: true, value: { name: nameOf(url, schema), url: url.href, schema } };
}

/** Those that are good; what is wrong is told to `place`. */
export function readOutboxes(node: ConfigNode, place: Place): DefinedOutbox[] {
  return [...(listOf(readOutbox, MAX_OUTBOXES)(node, place) ?? [])];
}

/** All of them; each has a name of its own, else that is said to `problems`. */
export function allOutboxes(
  ofFile: readonly DefinedOutbox[],
  ofUrls: readonly OutboxPlace[],
  spelling: string,
  problems: string[],
): DefinedOutbox[] {
  const all = [...ofFile, ...ofUrls.map((place) => ({ place, position: spelling }))];
  const seen = new Set<string>();
  for (const { place, position } of all) {
    if (seen.has(place.name)) {
      problems.push(
        `${position}: two outboxes are called ${place.name}: give each a name of its own in the configuration file`,
      );
    }
    seen.add(place.name);
  }
  return all;
}

const readOutbox: Reader<DefinedOutbox> = (node, place) => {
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const found = members.read('url', readUrl);
  const schema = members.read(
    'schema',
    text((given) => (OUTBOX_SCHEMA.test(given) ? null : SCHEMA_ADVICE)),
  );
  const name = members.read(
    'name',
    text((given) => (NAME.test(given) ? null : 'a name is 1 to 64 of letters, digits, ., _ and -')),
  );
  members.done();
  if (!members.has('url'))
    place.wrong('it has no url: write the one of the application’s database');
  if (found === undefined) return undefined;
  const inSchema = schema ?? found.schema;
  const itsName = name ?? nameOf(new URL(found.url), inSchema);
  return { place: { ...found, schema: inSchema, name: itsName }, position: place.position };
};

const readUrl: Reader<OutboxPlace> = (node, place) => {
  if (node.kind !== 'value' || typeof node.value !== 'string')
    return place.wrong('it is no text: write postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  const parsed = parseOutboxUrl(node.value);
  return parsed.ok ? parsed.value : place.wrong(parsed.errors.join('; '));
};

/** The database’s, and the schema’s where that is not the usual one. */
function nameOf(url: URL, schema: string): string {
  const database = decodeURIComponent(url.pathname.slice(1)).replaceAll(/[^A-Za-z0-9_-]/g, '_');
  return schema === DEFAULT_OUTBOX_SCHEMA ? database : `${database}.${schema}`;
}
