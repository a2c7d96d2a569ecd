/**
 * Templates of headers and signed text: literal text and `{variables}`. They are parsed once, when a profile is first
 * used, and then only put together.
 */
import type { Event } from './event.ts';
import type { Random } from './id.ts';
import { isoTime, zonelessTime } from './iso-time.ts';
import { cloudEventSource, cloudEventSubject, idempotencyKey } from './payload.ts';

/** What a template may name, and what it means: the vocabulary of profiles. */
export const VARIABLES = {
  event_id: 'the event’s id',
  topic: 'the event’s topic',
  tenant_id: 'the tenant’s id',
  destination_id: 'the destination’s id',
  delivery_id: 'the delivery’s id, the same over its retries',
  attempt: 'the number of the attempt, from 1',
  timestamp: 'the moment of the attempt, in seconds since 1970',
  timestamp_ms: 'the moment of the attempt, in milliseconds since 1970',
  timestamp_rfc3339: 'the moment of the attempt, such as 2026-11-21T10:00:00.000Z',
  timestamp_utc: 'the moment of the attempt without a zone, such as 2026-11-21T10:00:00.000',
  event_timestamp: 'the event’s time, in seconds since 1970',
  event_time: 'the event’s time, such as 2026-11-21T10:00:00.000Z',
  nonce: '32 hexadecimal digits, fresh for each attempt',
  idempotency_key:
    'the urn of the trigger of the event’s resource, else the event’s id: the same over retries and replays',
  ce_id: 'the CloudEvents attribute id, encoded for a header',
  ce_type: 'the CloudEvents attribute type, encoded for a header',
  ce_source: 'the CloudEvents attribute source, encoded for a header',
  ce_subject:
    'the CloudEvents attribute subject, the urn of the event’s resource, encoded for a header; nothing where it has none',
} as const;

export type Variable = keyof typeof VARIABLES;

/** What an attempt knows of itself. */
export interface MessageFacts {
  readonly event: Event;
  readonly deliveryId: () => string;
  /** From 1. */
  readonly attempt: number;
  /** Wall clock of this attempt. */
  readonly nowMs: number;
}

/** The values of one message: a variable has the same value wherever it stands. */
export class MessageValues {
  readonly #facts: MessageFacts;
  readonly #destinationId: string;
  readonly #random: Random;
  #nonce: string | null = null;

  constructor(facts: MessageFacts, destinationId: string, random: Random) {
    this.#facts = facts;
    this.#destinationId = destinationId;
    this.#random = random;
  }

  get(variable: Variable): string {
    const { event, deliveryId, attempt, nowMs } = this.#facts;
    switch (variable) {
      case 'event_id':
        return event.id;
      case 'topic':
        return event.topic;
      case 'tenant_id':
        return event.tenantId;
      case 'destination_id':
        return this.#destinationId;
      case 'delivery_id':
        return deliveryId();
      case 'attempt':
        return String(attempt);
      case 'timestamp':
        return String(Math.floor(nowMs / 1000));
      case 'timestamp_ms':
        return String(nowMs);
      case 'timestamp_rfc3339':
        return isoTime(nowMs);
      case 'timestamp_utc':
        return zonelessTime(nowMs);
      case 'event_timestamp':
        return String(Math.floor(event.timeMs / 1000));
      case 'event_time':
        return isoTime(event.timeMs);
      case 'nonce':
        this.#nonce ??= Buffer.from(this.#random.bytes(16)).toString('hex');
        return this.#nonce;
      case 'idempotency_key':
        return idempotencyKey(event);
      case 'ce_id':
        return headerEncoded(event.id);
      case 'ce_type':
        return headerEncoded(event.topic);
      case 'ce_source':
        return headerEncoded(cloudEventSource(event));
      case 'ce_subject':
        return headerEncoded(cloudEventSubject(event) ?? '');
    }
  }
}

export type Template = (values: MessageValues) => string;

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Throws `TemplateError` at a name that is no variable, and at a brace that opens or closes nothing. */
export function parseTemplate(text: string): Template {
  const { parts, variables } = split(text);
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return () => only;
  return (values) => {
    let result = '';
    for (let index = 0; index < parts.length; index++) {
      const variable = variables[index] ?? null;
      result += variable === null ? (parts[index] ?? '') : values.get(variable);
    }
    return result;
  };
}

export interface TemplateParts {
  readonly variables: ReadonlySet<Variable>;
  /** Around them. */
  readonly texts: readonly string[];
}

/** What stands in a template. Throws as `parseTemplate`. */
export function templateParts(text: string): TemplateParts {
  const { parts, variables } = split(text);
  return {
    variables: new Set(variables.filter((variable) => variable !== null)),
    texts: parts.filter((part, index) => index % 2 === 0 && part !== ''),
  };
}

/** Text before and after the one place where a name stands in braces. Throws `TemplateError` where it does not, or twice. */
export function splitAt(name: string, text: string): readonly [before: string, after: string] {
  const [before, after, ...more] = text.split(`{${name}}`);
  if (before === undefined || after === undefined || more.length > 0)
    throw new TemplateError(`{${name}} has to stand in it once`);
  return [before, after];
}

/** CloudEvents 1.0.2, HTTP binding 3.1.3.2: what is not visible ASCII, and `"` and `%`, is percent-encoded. */
function headerEncoded(value: string): string {
  return value.toWellFormed().replaceAll(/[^!#$&-~]/gu, encodeURIComponent);
}

/** Texts and names by turns; `variables` has the names at the same places. */
function split(text: string): {
  readonly parts: readonly string[];
  readonly variables: readonly (Variable | null)[];
} {
  const parts = text.split(/[{}]/);
  if (!/^[^{}]*(?:\{[^{}]*\}[^{}]*)*$/.test(text))
    throw new TemplateError('the braces do not match: a variable is written {name}');
  return {
    parts,
    variables: parts.map((part, index) => (index % 2 === 0 ? null : variableOf(part))),
  };
}

function variableOf(name: string): Variable {
  if (!isVariable(name)) {
    const known = Object.keys(VARIABLES).join(', ');
    throw new TemplateError(`there is no variable {${name}}; there are ${known}`);
  }
  return name;
}

function isVariable(name: string): name is Variable {
  return Object.hasOwn(VARIABLES, name);
}
