/** REST hooks, as Zapier and others spell them. */
import type { OpenedDestination } from '../../engine/manage-destinations.ts';
import { isTopicPattern } from '../../domain/topic.ts';
import { validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { formatTime } from '../time.ts';
import { Time } from './fields.ts';
import { closedObject, nullable, object, optional, string } from './json-schema.ts';

const EVENT_NAMES = ['event', 'topic'] as const;
const URL_NAMES = ['target_url', 'targetUrl', 'hookUrl', 'url'] as const;

export type HookBody = {
  readonly [Name in (typeof EVENT_NAMES)[number] | (typeof URL_NAMES)[number]]?: string;
} & { readonly expiration_date?: string | null };

export const HookBodySchema = closedObject(
  {
    ...Object.fromEntries([...EVENT_NAMES, ...URL_NAMES].map((name) => [name, optional(string())])),
    expiration_date: optional(nullable(Time)),
  },
  {
    description: `One of ${EVENT_NAMES.join(', ')}, and one of ${URL_NAMES.join(', ')}.`,
  },
);

export const HookSchema = object(
  {
    id: string(),
    event: string({
      description: 'The topic; several, where it was made at another door, by `,`.',
    }),
    target_url: string(),
    created_at: Time,
    expiration_date: optional(Time),
  },
  { $id: 'Hook' },
);

/** One of the names that each thing has, and which. */
export interface HookAsked {
  readonly event: string;
  readonly url: string;
  /** Where the caller has what a destination has elsewhere. */
  readonly pointers: readonly (readonly [string, string])[];
}

/** Throws all that is wrong. */
export function hookAsked(body: HookBody): HookAsked {
  const problems: FieldError[] = [];
  const event = onlyOne(body, EVENT_NAMES, problems);
  const url = onlyOne(body, URL_NAMES, problems);
  if (event.value !== '' && !isTopicPattern(event.value)) {
    const message = 'An event is 1 to 255 visible ASCII characters.';
    problems.push({ pointer: event.pointer, code: 'format', message });
  }
  if (problems.length > 0) throw validationFailed(problems);
  return {
    event: event.value,
    url: url.value,
    pointers: [
      ['/topics', event.pointer],
      ['/config', url.pointer],
    ],
  };
}

export function hookJson({ destination }: OpenedDestination) {
  const { id, topics, config, createdAtMs, expiresAtMs } = destination;
  return {
    id,
    event: topics.join(','),
    target_url: config['url'] ?? '',
    created_at: formatTime(createdAtMs),
    ...(expiresAtMs === null ? {} : { expiration_date: formatTime(expiresAtMs) }),
  };
}

function onlyOne<Name extends string>(
  body: Readonly<Partial<Record<Name, string>>>,
  names: readonly Name[],
  problems: FieldError[],
): { value: string; pointer: string } {
  const given = names.filter((name) => body[name] !== undefined);
  const [name = names[0], ...others] = given;
  const pointer = `/${name ?? ''}`;
  const value = name === undefined ? '' : (body[name] ?? '');
  if (given.length === 0) {
    const message = `This field is required, under one of the names ${names.join(', ')}.`;
    problems.push({ pointer, code: 'required', message });
  }
  for (const other of others) {
    const message = `It says the same as ${pointer}: give one of them.`;
    problems.push({ pointer: `/${other}`, code: 'conflict', message });
  }
  return { value, pointer };
}
