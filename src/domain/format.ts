/**
 * What a destination may have instead of its profile's body: a format, laid over the profile. Everything else stays the
 * profile's: signature, secret, success, retries, and the headers of its own.
 */
import type { HeaderTemplate, Profile } from './profile.ts';
import { EXPRESSION_PREFIX } from './payload.ts';

/**
 * profile                 the profile's own
 * cloudevents-structured  CloudEvents 1.0: one JSON object, `application/cloudevents+json`
 * cloudevents-binary      CloudEvents 1.0: `data` is the body, the attributes are headers `ce-...`
 * thin                    which resource changed, and nothing of its content
 * jmespath                what an expression of the destination makes of the event
 */
export const FORMAT_NAMES = [
  'profile',
  'cloudevents-structured',
  'cloudevents-binary',
  'thin',
  'jmespath',
] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

export type Format =
  | { readonly name: Exclude<FormatName, 'jmespath'> }
  | { readonly name: 'jmespath'; readonly expression: string };

export const PROFILE_FORMAT: Format = { name: 'profile' };

/**
 * The attributes of a CloudEvent in binary mode (HTTP Protocol Binding 1.0.2, 3.1); `datacontenttype` is the content
 * type of the message.
 */
const CLOUDEVENTS_HEADERS: readonly HeaderTemplate[] = [
  ['ce-specversion', '1.0'],
  ['ce-id', '{ce_id}'],
  ['ce-source', '{ce_source}'],
  ['ce-type', '{ce_type}'],
  ['ce-subject', '{ce_subject}'],
  ['ce-time', '{event_time}'],
];

/** By profile, so that the destinations of a profile and a format share what is made of them (message-format.ts). */
const overlaid = new WeakMap<Profile, Map<FormatName, Profile>>();

/** The profile as it is for a destination of that format: the same object each time, save for expressions. */
export function applyFormat(profile: Profile, format: Format): Profile {
  if (format.name === 'profile') return profile;
  if (format.name === 'jmespath') return overlay(profile, format);
  let byName = overlaid.get(profile);
  if (byName === undefined) overlaid.set(profile, (byName = new Map<FormatName, Profile>()));
  let effective = byName.get(format.name);
  if (effective === undefined) byName.set(format.name, (effective = overlay(profile, format)));
  return effective;
}

function overlay(profile: Profile, format: Format): Profile {
  switch (format.name) {
    case 'profile':
      return profile;
    case 'cloudevents-structured':
      return {
        ...profile,
        payload: 'cloudevents',
        contentType: 'application/cloudevents+json; charset=utf-8',
      };
    case 'cloudevents-binary': {
      const names = new Set(CLOUDEVENTS_HEADERS.map(([name]) => name));
      const others = profile.headers.filter(([name]) => !names.has(name.toLowerCase()));
      return {
        ...profile,
        payload: 'data',
        contentType: 'application/json',
        headers: [...CLOUDEVENTS_HEADERS, ...others],
      };
    }
    case 'thin':
      return { ...profile, payload: 'thin', contentType: 'application/json' };
    case 'jmespath':
      return {
        ...profile,
        payload: `${EXPRESSION_PREFIX}${format.expression}`,
        contentType: 'application/json',
      };
  }
}
