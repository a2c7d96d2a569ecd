/** What a captured request says of itself as a CloudEvent 1.0 (HTTP Protocol Binding 1.0.2, 3), and what it lacks. */
import type { VerifyRequest } from './verify-options.ts';

const REQUIRED = ['specversion', 'id', 'source', 'type'];
const STRUCTURED = /^application\/cloudevents\+json(?:[ \t]*;|$)/i;

/** A line of the answer; none where it is no CloudEvent. */
export function cloudEventFacts(
  request: VerifyRequest,
): (readonly [name: string, value: string])[] {
  const headers = new Map(
    request.headers.map(([name, value]) => [name.toLowerCase(), value] as const),
  );
  const isStructured = STRUCTURED.test(headers.get('content-type') ?? '');
  if (!isStructured && !headers.has('ce-specversion')) return [];
  const members = isStructured ? membersOf(request.body) : {};
  const attribute = (name: string) => (isStructured ? members[name] : headers.get(`ce-${name}`));
  const missing = REQUIRED.filter((name) => !isText(attribute(name)));
  const mode = isStructured ? 'structured' : 'binary, its attributes are headers';
  const found = REQUIRED.filter((name) => isText(attribute(name)))
    .map((name) => `${name} ${String(attribute(name))}`)
    .join(', ');
  const lacks = missing.length === 0 ? '' : `; it is none, as it lacks ${missing.join(', ')}`;
  return [['CloudEvent', `${mode}: ${found}${lacks}`]];
}

function membersOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
