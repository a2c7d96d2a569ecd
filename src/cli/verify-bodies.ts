/** How a body may have been before something on its way, or whoever captured it, changed it. */

interface Rewritten {
  readonly body: Uint8Array;
  readonly says: string;
}

/** What is known to happen to bodies, the likeliest first. `goodFor`: how the sentences begin. */
export function* bodiesOf(body: Uint8Array, goodFor: string): Generator<Rewritten> {
  const text = Buffer.from(body).toString('utf8');
  const as = (changed: string, says: string): Rewritten => ({ body: Buffer.from(changed), says });
  yield as(
    text.replace(/(?:\r?\n)+$/, ''),
    `${goodFor} the body without the line break at its end: an editor or echo has added it.`,
  );
  for (const end of ['\n', '\r\n'])
    yield as(
      text + end,
      `${goodFor} the body with a line break at its end: something has cut it off.`,
    );
  yield as(
    text.replaceAll('\r\n', '\n'),
    `${goodFor} the body with plain line breaks: something has made them CR LF.`,
  );
  yield as(
    text.replaceAll(/\r?\n/g, '\r\n'),
    `${goodFor} the body with line breaks of CR LF: something has made them plain.`,
  );
  yield as(
    text.replace(/^\uFEFF/, ''),
    `${goodFor} the body without the byte order mark at its beginning: an editor has added it.`,
  );
  yield* jsonSpellings(text, goodFor);
}

function* jsonSpellings(text: string, goodFor: string): Generator<Rewritten> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  const compact = JSON.stringify(value);
  const spellings = [compact, JSON.stringify(value, null, 2), spaced(value)];
  for (const spelling of spellings.flatMap((one) => [
    one,
    escaped(one),
    one.replaceAll('/', '\\/'),
  ]))
    yield {
      body: Buffer.from(spelling),
      says: `${goodFor} the same JSON in another spelling: the body was parsed and written again before it was captured. Keep the bytes as they come.`,
    };
}

/** As Python's json.dumps spells it. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}: ${spaced(member)}`,
  );
  return `{${members.join(', ')}}`;
}

/** In ASCII. */
function escaped(json: string): string {
  return json.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
