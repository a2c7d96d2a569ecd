/**
 * The URLs that a tenant may write down: webhook targets, token endpoints, everything the server is
 * to call.
 *
 * What is stored and called is the URL as the WHATWG parser understood it, never the text as
 * written: two parsers that read one text differently are how a guard is walked around. Only
 * literal addresses are judged here; a name may resolve to something else a second later, so names
 * are judged at each connect (`connector.ts`).
 */
import { isIP } from 'node:net';

import { isMetadataName, type AddressGuard } from './address-guard.ts';

/** Of the normalised URL, which is ASCII; in characters. */
export const MAX_URL_LENGTH = 2_048;

/**
 * invalid_url      not an absolute URL, or its host is no DNS name, or its port is 0
 * too_long         over `MAX_URL_LENGTH`, as written or normalised
 * scheme           neither http nor https
 * userinfo         holds a user name or a password
 * blocked_address  an address, or the name of a metadata service, that is never delivered to
 * plain_http       http where only https may go
 */
export type TargetUrlErrorCode =
  | 'invalid_url'
  | 'too_long'
  | 'scheme'
  | 'userinfo'
  | 'blocked_address'
  | 'plain_http';

export type ParsedTargetUrl =
  /** `origin` is scheme, host and port, as `new Pool(origin)` takes it. */
  | { readonly ok: true; readonly url: string; readonly origin: string }
  /** `message`: one sentence for the tenant, which never repeats what was written. */
  | { readonly ok: false; readonly code: TargetUrlErrorCode; readonly message: string };

const MESSAGES: Readonly<Record<TargetUrlErrorCode, string>> = {
  invalid_url: 'The URL is not valid: write it in full, such as https://example.com/webhooks.',
  too_long: `The URL is too long: at most ${MAX_URL_LENGTH} characters, counted after percent-encoding.`,
  scheme: 'The URL has a scheme that is not supported: it must begin with https:// (or http://).',
  userinfo:
    'The URL holds a user name or password: take it out, and set the authentication of the destination instead.',
  blocked_address:
    'The URL points to an address that is not delivered to: use a public host, or have the operator allow its range.',
  plain_http:
    'The URL uses http, which is only possible to private addresses that the operator allows: use https.',
};

/**
 * Parses and normalises (WHATWG URL: IDN to ASCII, lower case, `0x7f.1` to 127.0.0.1, default port
 * dropped). A fragment is dropped, as it is never sent (RFC 9110, 4.2.5). http is refused to public
 * addresses, and to names while the guard allows no private range at all.
 */
export function parseTargetUrl(text: string, guard: AddressGuard): ParsedTargetUrl {
  if (text.length > MAX_URL_LENGTH) return refuse('too_long');
  const url = URL.parse(text);
  if (url === null) return refuse('invalid_url');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('scheme');
  if (url.username !== '' || url.password !== '') return refuse('userinfo');
  if (url.port === '0') return refuse('invalid_url');
  url.hash = '';
  if (url.href.length > MAX_URL_LENGTH) return refuse('too_long');
  const hostError = judgeHost(url, guard);
  return hostError === undefined
    ? { ok: true, url: url.href, origin: url.origin }
    : refuse(hostError);
}

function judgeHost(
  { protocol, hostname }: URL,
  guard: AddressGuard,
): TargetUrlErrorCode | undefined {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(host) === 0) {
    if (!isDnsName(host)) return 'invalid_url';
    if (isMetadataName(host)) return 'blocked_address';
    return protocol === 'http:' && !guard.allowsPrivate ? 'plain_http' : undefined;
  }
  switch (guard.judge(host)) {
    case 'blocked':
      return 'blocked_address';
    case 'allowed':
      return protocol === 'http:' ? 'plain_http' : undefined;
    case 'allowed_private':
      return undefined;
  }
}

/** A name is 253 characters, a label 1 to 63 (RFC 1035, 2.3.4); a dot at the end is the root's. */
function isDnsName(host: string): boolean {
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return (
    name.length <= 253 && name.split('.').every((label) => label.length >= 1 && label.length <= 63)
  );
}

function refuse(code: TargetUrlErrorCode): ParsedTargetUrl {
  return { ok: false, code, message: MESSAGES[code] };
}
