/** Topics of the `webhooks` of an OpenAPI 3.1 document: the name, the operation's description, the schema and example of its body. */
import { pointerTo, pointerTokens, valueAt } from '../domain/json-pointer.ts';
import { problemsAt } from '../domain/topic-catalogue.ts';
import type { JsonObject, JsonProblem } from '../domain/topic-catalogue.ts';
import { DATA_POINTER } from './export-openapi.ts';
import type { Found, FoundTopic, ImportOptions } from './import-found.ts';
import { cutOut, follow } from './schema-references.ts';
import { isJsonObject } from './topic-entry.ts';

const METHODS = ['post', 'put', 'patch'];
/** A chain of references that is longer goes in a circle. */
const MAX_REFERENCES = 32;

export function topicsOfOpenapi(document: JsonObject, options: ImportOptions): Found {
  const version = document['openapi'];
  if (typeof version !== 'string' || !/^3\.[1-9]/.test(version)) {
    const message = 'Only OpenAPI from 3.1 on has webhooks, and JSON Schemas.';
    return { topics: [], problems: [{ pointer: '/openapi', code: 'version', message }] };
  }
  const webhooks = isJsonObject(document['webhooks']) ? document['webhooks'] : {};
  const topics: FoundTopic[] = [];
  const problems: JsonProblem[] = [];
  for (const name of Object.keys(webhooks)) {
    const pointer = pointerTo('/webhooks', name);
    const read = readWebhook(document, name, options);
    topics.push({ name, pointer, entry: read.entry });
    problems.push(...problemsAt(pointer, read.problems));
  }
  return problems.length > 0 ? { topics: [], problems } : { topics, problems };
}

interface Read {
  readonly entry: JsonObject;
  readonly problems: readonly JsonProblem[];
}

/** A value of the document, and where it stands. */
interface Placed {
  readonly value: JsonObject;
  readonly place: string;
}

function readWebhook(document: JsonObject, name: string, options: ImportOptions): Read {
  const item = placed(document, inFragment('#/webhooks', name));
  const method = METHODS.find((each) => isJsonObject(item?.value[each]));
  const operation =
    item === undefined || method === undefined ? undefined : child(document, item, method);
  if (operation === undefined)
    return refuse('operation', 'A webhook has an operation `post`, `put` or `patch`.');
  const { summary, description, deprecated, requestBody: _body, ...others } = operation.value;
  const said = [description, summary].find(
    (text) => typeof text === 'string' && text !== '' && text !== name,
  );
  const about = {
    ...(said === undefined ? {} : { description: said }),
    ...(deprecated === true ? { deprecated } : {}),
  };
  const media = jsonMedia(document, operation);
  if (media === undefined) return { entry: about, problems: [] };
  const given = others[DATA_POINTER];
  const tokens = pointerTokens(typeof given === 'string' ? given : options.dataPointer);
  if (tokens === undefined) return refuse('pointer', 'The data’s place is no JSON pointer.');

  let schema = child(document, media, 'schema');
  for (const token of tokens) schema = schema && member(document, schema, token);
  if (schema === undefined && media.value['schema'] !== undefined)
    return refuse('pointer', `The body’s schema has nothing at /${tokens.join('/')}.`);
  const cut = schema === undefined ? undefined : cutOut(document, schema.value, schema.place);
  const example = valueAt(exampleOf(document, media), tokens);
  return {
    entry: {
      ...(cut === undefined || Object.keys(cut.schema).length === 0 ? {} : { schema: cut.schema }),
      ...about,
      ...(isJsonObject(example) ? { sample: example } : {}),
    },
    problems: cut?.problems ?? [],
  };
}

function jsonMedia(document: JsonObject, operation: Placed): Placed | undefined {
  const body = child(document, operation, 'requestBody');
  const content = body && child(document, body, 'content');
  if (content === undefined) return undefined;
  const types = Object.keys(content.value);
  const type =
    types.find((each) => each === 'application/json') ?? types.find((each) => /json/i.test(each));
  return type === undefined ? undefined : child(document, content, type);
}

function exampleOf(document: JsonObject, media: Placed): unknown {
  const { example, examples } = media.value;
  if (example !== undefined) return example;
  if (!isJsonObject(examples)) return undefined;
  const [first] = Object.keys(examples);
  const all = child(document, media, 'examples');
  return first === undefined || all === undefined
    ? undefined
    : child(document, all, first)?.value['value'];
}

/** A property of an object's schema, also where it stands in one of several that all hold. */
function member(document: JsonObject, schema: Placed, name: string): Placed | undefined {
  const properties = child(document, schema, 'properties');
  const found = properties && child(document, properties, name);
  const { allOf } = schema.value;
  if (found !== undefined || !Array.isArray(allOf)) return found;
  for (const index of allOf.keys()) {
    const part = placed(document, `${schema.place}/allOf/${index}`);
    const inPart = part && member(document, part, name);
    if (inPart !== undefined) return inPart;
  }
  return undefined;
}

function child(document: JsonObject, parent: Placed, name: string): Placed | undefined {
  return Object.hasOwn(parent.value, name)
    ? placed(document, inFragment(parent.place, name))
    : undefined;
}

/** As a reference spells it. */
function inFragment(place: string, name: string): string {
  return pointerTo(place, name.replaceAll('%', '%25'));
}

/** What stands there, references followed. */
function placed(document: JsonObject, place: string): Placed | undefined {
  let at = place;
  for (let steps = 0; steps < MAX_REFERENCES; steps++) {
    const value = follow(document, at);
    if (!isJsonObject(value)) return undefined;
    const { $ref } = value;
    // One with something beside it is a schema of its own.
    if (typeof $ref !== 'string' || Object.keys(value).length > 1) return { value, place: at };
    at = $ref;
  }
  return undefined;
}

function refuse(code: string, message: string): Read {
  return { entry: {}, problems: [{ pointer: '', code, message }] };
}
