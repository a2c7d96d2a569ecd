/** What a receiver can compute again from a raw request, with nothing but `node:crypto` and the profile's document. */
import { createHmac } from 'node:crypto';
import type { DestinationType, Message, Sender } from '../../src/destinations/destination-type.ts';
import { isShape, renderShape } from '../../src/domain/payload.ts';
import type { Event } from '../../src/domain/event.ts';
import type { Profile } from '../../src/domain/profile.ts';
import type { RawRequest } from './raw-receiver.ts';
import { createEvent, createMessage } from './receiver-sender.ts';

export interface Secrets {
  readonly secret: string;
  /** Newest first. */
  readonly retired?: readonly { readonly secret: string; readonly invalidAtMs: number }[];
}

/** A sender of the profile with these secrets. */
export function openSender(
  type: DestinationType,
  url: string,
  profile: Profile,
  { secret, retired = [] }: Secrets,
  deliveryMetadata: Readonly<Record<string, string>> | null = null,
): Sender {
  const credentials =
    retired.length === 0 ? { secret } : { secret, retired_secrets: JSON.stringify(retired) };
  return type.open({
    id: 'des_1',
    config: { url },
    credentials,
    deliveryMetadata,
    httpSignature: null,
    profile,
  });
}

/** A message of an event in the profile's format, as the engine hands it over. */
export function messageOf(
  profile: Profile,
  given: Partial<Event> = {},
  more: Partial<Message> = {},
): Message {
  const event = createEvent(given);
  return createMessage({
    event,
    body: renderedShape(profile, event),
    ...more,
  });
}

function renderedShape({ payload }: Profile, event: Event): Uint8Array {
  if (!isShape(payload)) throw new Error(`${payload} is an expression`);
  return renderShape(payload, event);
}

/** Names in lower case. */
export function headersOf({ headers }: RawRequest): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

export function hmacHex(key: string, ...parts: readonly (string | Uint8Array)[]): string {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest('hex');
}
