/**
 * The metadata of a destination and of an event as headers, for profiles that send them so. A pair that is no legal
 * header, or would take the place of one that identifies, signs or frames the message, is left out.
 */
import { isHeaderName, isHeaderValue } from './custom-headers.ts';

type StringMap = Readonly<Record<string, string>>;

export interface MetadataHeaders {
  /** Flat list of names and values. */
  readonly headers: readonly string[];
  readonly leftOut: readonly string[];
}

/** The event's pairs go before the destination's of the same name. */
export function metadataHeaders(
  prefix: string,
  deliveryMetadata: StringMap | null,
  eventMetadata: string | null,
  isTaken: (name: string) => boolean,
): MetadataHeaders {
  // Canonical JSON of ours.
  const ofEvent = eventMetadata === null ? {} : (JSON.parse(eventMetadata) as StringMap);
  const pairs = new Map<string, readonly [name: string, value: string]>();
  for (const [name, value] of Object.entries({ ...deliveryMetadata, ...ofEvent }))
    pairs.set(name.toLowerCase(), [name, value]);
  const headers: string[] = [];
  const leftOut: string[] = [];
  for (const [name, value] of pairs.values()) {
    const header = `${prefix}${name}`;
    if (isHeaderName(header) && isHeaderValue(value) && !isTaken(header.toLowerCase()))
      headers.push(header, value);
    else leftOut.push(name);
  }
  return { headers, leftOut };
}
