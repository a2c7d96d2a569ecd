/** The headers of a captured request, and its first line, from flags and a file. */
import { shown } from '../config-values.ts';

export type HeaderLine = readonly [name: string, value: string];

/** Of the request, as it came: `POST /hook HTTP/1.1`. */
export interface RequestLine {
  readonly method: string;
  /** From the path on, or absolute. */
  readonly target: string;
}

export interface CapturedHeaders {
  readonly headers: readonly HeaderLine[];
  /** `null`: the file has none. */
  readonly line: RequestLine | null;
}

const HEADER_LINE = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP\/\d/;

/** What is wrong is added to `problems`. */
export function readHeaders(
  flags: readonly string[],
  file: Uint8Array | undefined,
  problems: string[],
): CapturedHeaders {
  const own = flags.flatMap((line): HeaderLine[] => {
    const found = headerOf(line);
    if (found === null) problems.push(`--header: ${shown(line)} is no header: write 'NAME: VALUE'`);
    return found === null ? [] : [found];
  });
  const names = new Set(own.map(([name]) => name.toLowerCase()));
  const { headers, line } = ofFile(Buffer.from(file ?? []).toString('utf8'), problems);
  return { headers: [...own, ...headers.filter(([name]) => !names.has(name.toLowerCase()))], line };
}

function ofFile(text: string, problems: string[]): CapturedHeaders {
  if (text.trimStart().startsWith('{')) return { headers: ofJson(text, problems), line: null };
  const [head = ''] = text.trimStart().split(/\r?\n[ \t]*\r?\n/);
  const [first = '', ...rest] = head.trimEnd().split(/\r?\n/);
  const [, method, target] = REQUEST_LINE.exec(first) ?? [];
  const line = method === undefined || target === undefined ? null : { method, target };
  const lines = line === null ? [first, ...rest] : rest;
  const before = line === null ? 1 : 2;
  const headers = lines.flatMap((each, index): HeaderLine[] => {
    const found = headerOf(each);
    if (found === null && each !== '')
      problems.push(`--headers-file: line ${index + before} is no header: write NAME: VALUE`);
    return found === null ? [] : [found];
  });
  return { headers, line };
}

function ofJson(text: string, problems: string[]): HeaderLine[] {
  try {
    const headers: unknown = JSON.parse(text);
    return Object.entries(headers ?? {}).flatMap(([name, value]: [string, unknown]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
    );
  } catch {
    problems.push('--headers-file: it begins like JSON, but is none');
    return [];
  }
}

function headerOf(line: string): HeaderLine | null {
  const [, name, value] = HEADER_LINE.exec(line) ?? [];
  return name === undefined || value === undefined ? null : [name, value];
}
