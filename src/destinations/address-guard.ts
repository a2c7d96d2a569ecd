/**
 * Which addresses may be delivered to: the guard against server-side request forgery.
 *
 * A tenant writes a URL, the server calls it; so a tenant could make the server call its own
 * network. The guard therefore judges numbers, never text: an address is parsed to an integer and
 * compared with ranges, so that no spelling of 127.0.0.1 gets past it. IPv6 addresses that only
 * carry an IPv4 one are judged by that one, and what does not parse is blocked.
 */
import { isIP, SocketAddress } from 'node:net';

/**
 * allowed          a public address
 * allowed_private  in a denied range, but within a CIDR of the operator: plain http goes only here
 * blocked          neither; or a metadata service, whatever the operator allows; or not an address
 */
export type AddressJudgement = 'allowed' | 'allowed_private' | 'blocked';

export interface AddressGuard {
  /**
   * False where the operator allows no CIDR: no address is `allowed_private`, so plain http can go
   * nowhere.
   */
  readonly allowsPrivate: boolean;
  /**
   * Judges one address as `net` and `dns` write them; a zone (`fe80::1%eth0`, RFC 4007) does not
   * count. It takes addresses, not the host of a URL: `[::1]` with its brackets is no address.
   */
  judge(address: string): AddressJudgement;
}

export type ParsedCidrs =
  | { readonly ok: true; readonly cidrs: readonly string[] }
  /** One sentence for each bad entry. */
  | { readonly ok: false; readonly errors: readonly string[] };

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

interface Range {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

type ParsedCidr =
  | { readonly ok: true; readonly cidr: string; readonly range: Range }
  | { readonly ok: false; readonly error: string };

/**
 * The upper 96 bits of IPv6 addresses whose last 32 are the IPv4 address that a packet in the end
 * goes to.
 */
const IPV4_CARRIERS: ReadonlySet<bigint> = new Set([
  0xffffn, // ::ffff:0:0/96, IPv4-mapped (RFC 4291, 2.5.5.2)
  0x64ff9b_0000_0000_0000_0000n, // 64:ff9b::/96, the well-known prefix of NAT64 (RFC 6052, 2.1)
]);

/** Not public, after the IANA special-purpose registries (RFC 6890 and what updates it). */
const DENIED: readonly Range[] = [
  '0.0.0.0/8', // this network (RFC 791)
  '10.0.0.0/8', // private (RFC 1918)
  '100.64.0.0/10', // carrier-grade NAT (RFC 6598)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local (RFC 3927)
  '172.16.0.0/12', // private (RFC 1918)
  '192.0.0.0/24', // protocol assignments (RFC 6890)
  '192.0.2.0/24', // documentation (RFC 5737)
  '192.88.99.0/24', // 6to4 relays (RFC 7526)
  '192.168.0.0/16', // private (RFC 1918)
  '198.18.0.0/15', // benchmarking (RFC 2544)
  '198.51.100.0/24', // documentation (RFC 5737)
  '203.0.113.0/24', // documentation (RFC 5737)
  '224.0.0.0/4', // multicast (RFC 5771)
  '240.0.0.0/4', // reserved (RFC 1112), and the broadcast address
  '::/8', // unspecified, loopback, IPv4-compatible and -translated; mapped and NAT64 are looked through
  '64:ff9b:1::/48', // NAT64 for local use (RFC 8215)
  '100::/64', // discard (RFC 6666)
  '2001::/23', // protocol assignments, Teredo among them (RFC 2928)
  '2001:db8::/32', // documentation (RFC 3849)
  '2002::/16', // 6to4 (RFC 3056)
  '3fff::/20', // documentation (RFC 9637)
  '5f00::/16', // segment routing SIDs (RFC 9602)
  'fc00::/7', // unique local (RFC 4193)
  'fe80::/10', // link-local (RFC 4291)
  'ff00::/8', // multicast (RFC 4291)
].map(rangeOf);

/**
 * Where clouds hand credentials to their machines: AWS, GCP and Azure; ECS tasks; AWS over IPv6;
 * Alibaba.
 */
const METADATA: readonly Range[] = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
].map(rangeOf);

const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'instance-data',
  'instance-data.ec2.internal',
]);

/**
 * The guard for an operator who allows these CIDRs. It parses once; `judge` allocates little and
 * may be called for every connection.
 *
 * @throws RangeError where an entry is no CIDR; `parseCidrs` says so beforehand.
 */
export function createAddressGuard({
  allowedCidrs,
}: {
  readonly allowedCidrs: readonly string[];
}): AddressGuard {
  const allowed = allowedCidrs.map(rangeOf);
  return {
    allowsPrivate: allowed.length > 0,
    judge(text) {
      const written = parseAddress(text);
      if (written === undefined) return 'blocked';
      const address = carriedIpv4(written) ?? written;
      if (isWithin(address, METADATA)) return 'blocked';
      if (!isWithin(address, DENIED)) return 'allowed';
      return isWithin(address, allowed) ? 'allowed_private' : 'blocked';
    },
  };
}

/**
 * Whether a host name is one of a cloud's metadata service, in any case and with or without the
 * root's dot.
 */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host.toLowerCase().replace(/\.+$/, ''));
}

/**
 * Reads a comma-separated list of CIDRs (RFC 4632, RFC 4291 section 2.3) in canonical spelling. The
 * word `none` is the empty list; an empty text is an error, so that a variable left empty by
 * mistake does not pass for a decision.
 */
export function parseCidrs(text: string): ParsedCidrs {
  if (text.trim() === 'none') return { ok: true, cidrs: [] };
  const cidrs: string[] = [];
  const errors: string[] = [];
  for (const entry of text.split(',')) {
    const parsed = parseCidr(entry.trim());
    if (parsed.ok) cidrs.push(parsed.cidr);
    else errors.push(parsed.error);
  }
  return errors.length === 0 ? { ok: true, cidrs } : { ok: false, errors };
}

function rangeOf(cidr: string): Range {
  const parsed = parseCidr(cidr);
  if (!parsed.ok) throw new RangeError(parsed.error);
  return parsed.range;
}

function parseCidr(entry: string): ParsedCidr {
  const wrong = (what: string): ParsedCidr => ({
    ok: false,
    error: `${JSON.stringify(entry)} ${what}`,
  });
  if (entry === '')
    return wrong('is an empty entry: write CIDRs such as 10.0.0.0/8, or the word none alone');
  if (entry === 'none') return wrong('stands alone: take it or the other entries out');
  const slash = entry.indexOf('/');
  const addressText = slash === -1 ? entry : entry.slice(0, slash);
  const address = addressText.includes('%') ? undefined : parseAddress(addressText);
  if (address === undefined)
    return wrong('does not begin with an IP address: write CIDRs such as 10.0.0.0/8');
  const bits = bitsOf(address);
  if (slash === -1)
    return wrong(`has no prefix length: for this one address write ${format(address)}/${bits}`);
  const prefixText = entry.slice(slash + 1);
  const prefix = Number(prefixText);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefixText) || prefix > bits) {
    return wrong(
      `has a bad prefix length: for IPv${address.family} it is a number from 0 to ${bits}`,
    );
  }
  const carried = prefix >= 96 ? carriedIpv4(address) : undefined;
  if (carried !== undefined) {
    return wrong(
      `would never match, as such addresses count as IPv4: write ${formatNetwork(carried, prefix - 96)}`,
    );
  }
  const { first } = rangeAround(address, prefix);
  if (first !== address.value) {
    return wrong(`has bits set after its prefix: write ${formatNetwork(address, prefix)}`);
  }
  return { ok: true, cidr: formatNetwork(address, prefix), range: rangeAround(address, prefix) };
}

/** Only what `net.isIP` takes: no octal, hexadecimal or short IPv4, no brackets, no white space. */
function parseAddress(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: parseIpv4(text) };
  if (family === 6) return { family, value: parseIpv6(text) };
  return undefined;
}

function parseIpv4(text: string): bigint {
  return BigInt(text.split('.').reduce((value, byte) => value * 256 + Number(byte), 0));
}

function parseIpv6(text: string): bigint {
  const [withoutZone = ''] = text.split('%', 1);
  const [head = '', tail] = withoutZone.split('::');
  const before = ipv6Groups(head);
  const after = ipv6Groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n);
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 tail makes two of them. */
function ipv6Groups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const ipv4 = parseIpv4(group);
    return [ipv4 >> 16n, ipv4 & 0xffffn];
  });
}

function carriedIpv4({ family, value }: Address): Address | undefined {
  if (family === 4 || !IPV4_CARRIERS.has(value >> 32n)) return undefined;
  return { family: 4, value: value & 0xffff_ffffn };
}

function isWithin({ family, value }: Address, ranges: readonly Range[]): boolean {
  return ranges.some(
    (range) => range.family === family && range.first <= value && value <= range.last,
  );
}

function rangeAround(address: Address, prefix: number): Range {
  const hostBits = BigInt(bitsOf(address) - prefix);
  const first = (address.value >> hostBits) << hostBits;
  return { family: address.family, first, last: first + (1n << hostBits) - 1n };
}

function bitsOf({ family }: Address): 32 | 128 {
  return family === 4 ? 32 : 128;
}

function formatNetwork(address: Address, prefix: number): string {
  return `${format({ family: address.family, value: rangeAround(address, prefix).first })}/${prefix}`;
}

function format({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
