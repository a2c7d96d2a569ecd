import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createAddressGuard,
  isMetadataName,
  parseCidrs,
} from '../../src/destinations/address-guard.ts';

const publicOnly = createAddressGuard({ allowedCidrs: [] });
const everything = createAddressGuard({ allowedCidrs: ['0.0.0.0/0', '::/0'] });

/**
 * CIDR, first and last address, and the public neighbours (`null` where the neighbour is in another
 * denied range).
 */
const RANGES: readonly [string, string, string, string | null, string | null][] = [
  ['0.0.0.0/8', '0.0.0.0', '0.255.255.255', null, '1.0.0.0'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0/10', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0/16', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0/24', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0/15', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0/24', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0/24', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0/4', '224.0.0.0', '239.255.255.255', '223.255.255.255', null],
  ['240.0.0.0/4', '240.0.0.0', '255.255.255.255', null, null],
  ['::/8', '::', 'ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
  ['64:ff9b:1::/48', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', null, null],
  ['100::/64', '100::', '100::ffff:ffff:ffff:ffff', null, '100:0:0:1::'],
  [
    '2001::/23',
    '2001::',
    '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:200::',
  ],
  [
    '2001:db8::/32',
    '2001:db8::',
    '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db9::',
  ],
  [
    '2002::/16',
    '2002::',
    '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2003::',
  ],
  [
    '3fff::/20',
    '3fff::',
    '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff',
    '3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '3fff:1000::',
  ],
  [
    '5f00::/16',
    '5f00::',
    '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '5f01::',
  ],
  [
    'fc00::/7',
    'fc00::',
    'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'fe00::',
  ],
  [
    'fe80::/10',
    'fe80::',
    'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'fec0::',
  ],
  [
    'ff00::/8',
    'ff00::',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    null,
  ],
];

const METADATA = ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200'];

function mapped(ipv4: string): string {
  return `::ffff:${ipv4}`;
}

function nat64(ipv4: string): string {
  return `64:ff9b::${ipv4}`;
}

describe('judge', () => {
  it.each(RANGES)(
    'blocks %s from its first address to its last, and nothing beside it',
    (cidr, first, last, before, after) => {
      expect([publicOnly.judge(first), publicOnly.judge(last)]).toEqual(['blocked', 'blocked']);
      for (const neighbour of [before, after]) {
        if (neighbour !== null) expect(publicOnly.judge(neighbour), neighbour).toBe('allowed');
      }
      const allowing = createAddressGuard({ allowedCidrs: [cidr] });
      expect([allowing.judge(first), allowing.judge(last)]).toEqual([
        'allowed_private',
        'allowed_private',
      ]);
    },
  );

  it.each([
    '8.8.8.8',
    '93.184.216.34',
    '2606:4700:4700::1111',
    '2a00:1450:4001:81b::200e',
    '2a01:2:3:4:5:6:7:8',
  ])('lets %s pass', (address) => {
    expect(publicOnly.judge(address)).toBe('allowed');
  });

  it('allows no more than the CIDR that the operator named', () => {
    const guard = createAddressGuard({ allowedCidrs: ['10.1.0.0/16', 'fd12::/16'] });
    expect(guard.judge('10.1.0.0')).toBe('allowed_private');
    expect(guard.judge('10.1.255.255')).toBe('allowed_private');
    expect(guard.judge('10.0.255.255')).toBe('blocked');
    expect(guard.judge('10.2.0.0')).toBe('blocked');
    expect(guard.judge('fd12::1')).toBe('allowed_private');
    expect(guard.judge('fd13::1')).toBe('blocked');
    expect(guard.judge('127.0.0.1')).toBe('blocked');
  });

  it('judges a public address as public, also within a CIDR of the operator', () => {
    expect(everything.judge('8.8.8.8')).toBe('allowed');
    expect(everything.judge('2606:4700::1')).toBe('allowed');
  });

  it('does not let an IPv6 CIDR allow IPv4 addresses, nor the other way round', () => {
    const ipv6 = createAddressGuard({ allowedCidrs: ['::/0'] });
    const ipv4 = createAddressGuard({ allowedCidrs: ['0.0.0.0/0'] });
    expect(ipv6.judge('10.0.0.1')).toBe('blocked');
    expect(ipv6.judge(mapped('10.0.0.1'))).toBe('blocked');
    expect(ipv4.judge('::1')).toBe('blocked');
    expect(ipv4.judge('fc00::1')).toBe('blocked');
  });

  it.each([mapped, nat64])('judges the IPv4 address that an IPv6 one carries (%o)', (carry) => {
    const guard = createAddressGuard({ allowedCidrs: ['10.0.0.0/8'] });
    expect(guard.judge(carry('8.8.8.8'))).toBe('allowed');
    expect(guard.judge(carry('10.0.0.1'))).toBe('allowed_private');
    expect(guard.judge(carry('127.0.0.1'))).toBe('blocked');
    expect(publicOnly.judge(carry('10.0.0.1'))).toBe('blocked');
  });

  it.each([
    ['::ffff:7f00:1', 'hexadecimal tail'],
    ['0:0:0:0:0:ffff:127.0.0.1', 'uncompressed'],
    ['0000:0000:0000:0000:0000:FFFF:7F00:0001', 'padded, upper case'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::ffff:0:127.0.0.1', 'IPv4-translated'],
    ['64:ff9b::7f00:1', 'NAT64, hexadecimal tail'],
    ['64:ff9b::1:8.8.8.8', 'beside the NAT64 prefix'],
    ['64:ff9b:1::8.8.8.8', 'NAT64 for local use, a public address in it'],
    ['2002:7f00:1::', '6to4 of 127.0.0.1'],
    ['2001:0:0:0:0:0:80ff:fffe', 'Teredo'],
  ])('blocks %s (%s)', (address) => {
    expect(publicOnly.judge(address)).toBe('blocked');
  });

  it('looks past a zone', () => {
    const guard = createAddressGuard({ allowedCidrs: ['fe80::/64'] });
    expect(publicOnly.judge('fe80::1%eth0')).toBe('blocked');
    expect(guard.judge('fe80::1%eth0.100')).toBe('allowed_private');
    expect(guard.judge('fe80:0:0:1::1%eth0')).toBe('blocked');
    expect(publicOnly.judge('::ffff:127.0.0.1%1')).toBe('blocked');
    expect(publicOnly.judge('::1%lo')).toBe('blocked');
  });

  it.each([
    '',
    ' ',
    'localhost',
    'example.com',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0x08080808',
    '010.8.8.8',
    '8.8.8',
    '8.8.8.8.',
    ' 8.8.8.8',
    '8.8.8.8\n',
    '8.8.8.8\0',
    '8.8.8.8/32',
    '8.8.8.8:80',
    '256.8.8.8',
    '8.8.8.8%eth0',
    '[2606:4700::1111]',
    '2606:4700::1111::1',
    '2606:4700',
    '2606:4700::1111%',
    '2606:4700::12345',
    '８.8.8.8',
  ])('blocks what is no address: %j', (text) => {
    expect(everything.judge(text)).toBe('blocked');
  });

  it.each(METADATA)('blocks the metadata address %s, whatever the operator allows', (address) => {
    const exactly = createAddressGuard({
      allowedCidrs: [`${address}/${address.includes(':') ? 128 : 32}`],
    });
    expect(exactly.judge(address)).toBe('blocked');
    expect(everything.judge(address)).toBe('blocked');
  });

  it('blocks metadata addresses in their other spellings, and not their neighbours', () => {
    for (const ipv4 of METADATA.filter((address) => address.includes('.'))) {
      expect(everything.judge(mapped(ipv4))).toBe('blocked');
      expect(everything.judge(nat64(ipv4))).toBe('blocked');
    }
    expect(everything.judge('fd00:0ec2:0:0:0:0:0:0254')).toBe('blocked');
    expect(everything.judge('fd00:ec2::254%eth0')).toBe('blocked');
    for (const neighbour of [
      '169.254.169.253',
      '169.254.170.3',
      'fd00:ec2::255',
      '100.100.100.201',
    ]) {
      expect(everything.judge(neighbour)).toBe('allowed_private');
    }
  });

  it('agrees with BlockList of Node on every address that carries no other', () => {
    // One list a family: a BlockList takes an IPv4 address for its mapped one, which ::/8 holds.
    const denied = { ipv4: new BlockList(), ipv6: new BlockList() };
    for (const [cidr] of RANGES) {
      const [network = '', prefix] = cidr.split('/');
      const family = cidr.includes(':') ? 'ipv6' : 'ipv4';
      denied[family].addSubnet(network, Number(prefix), family);
    }
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const expected = denied.ipv4.check(address, 'ipv4') ? 'blocked' : 'allowed';
        expect(publicOnly.judge(address)).toBe(expected);
        expect(publicOnly.judge(mapped(address))).toBe(expected);
        expect(publicOnly.judge(nat64(address))).toBe(expected);
      }),
    );
    fc.assert(
      fc.property(nearRanges(), (address) => {
        expect(publicOnly.judge(address)).toBe(
          denied.ipv6.check(address, 'ipv6') ? 'blocked' : 'allowed',
        );
      }),
    );
  });
});

/** IPv6 addresses of which many begin as a range does. */
function nearRanges(): fc.Arbitrary<string> {
  const group = fc.integer({ min: 0, max: 0xffff });
  const first = fc.constantFrom(
    0x0100,
    0x2000,
    0x2001,
    0x2002,
    0x3fff,
    0x5f00,
    0xfbff,
    0xfdff,
    0xfe80,
    0xff00,
  );
  const second = fc.constantFrom(0, 0x1ff, 0x200, 0x0db8, 0x0fff, 0x1000);
  return fc
    .tuple(
      fc.oneof(first, group),
      fc.oneof(second, group),
      fc.array(group, { minLength: 6, maxLength: 6 }),
    )
    .filter(([head]) => head > 0xff)
    .map(([head, next, rest]) => [head, next, ...rest].map((part) => part.toString(16)).join(':'));
}

describe('createAddressGuard', () => {
  it('tells whether any private address can be allowed', () => {
    expect(publicOnly.allowsPrivate).toBe(false);
    expect(createAddressGuard({ allowedCidrs: ['::1/128'] }).allowsPrivate).toBe(true);
  });

  it('throws on what is no CIDR', () => {
    expect(() => createAddressGuard({ allowedCidrs: ['10.0.0.0/33'] })).toThrow(RangeError);
  });
});

describe('isMetadataName', () => {
  it.each([
    'metadata',
    'metadata.google.internal',
    'METADATA.Google.Internal.',
    'instance-data',
    'instance-data.ec2.internal',
  ])('knows %s', (name) => {
    expect(isMetadataName(name)).toBe(true);
  });

  it.each(['metadata.example.com', 'my-metadata', 'google.internal', ''])(
    'does not take %j for one',
    (name) => {
      expect(isMetadataName(name)).toBe(false);
    },
  );
});

describe('parseCidrs', () => {
  it('reads a list, in canonical spelling', () => {
    expect(parseCidrs(' 10.0.0.0/8,::1/128 , FD00:0:0::/8,0.0.0.0/0')).toEqual({
      ok: true,
      cidrs: ['10.0.0.0/8', '::1/128', 'fd00::/8', '0.0.0.0/0'],
    });
  });

  it('reads none as the empty list', () => {
    expect(parseCidrs(' none ')).toEqual({ ok: true, cidrs: [] });
  });

  it.each([
    ['10.0.0.0/33', '"10.0.0.0/33" has a bad prefix length: for IPv4 it is a number from 0 to 32'],
    ['::/129', '"::/129" has a bad prefix length: for IPv6 it is a number from 0 to 128'],
    ['10.0.0.0/08', '"10.0.0.0/08" has a bad prefix length: for IPv4 it is a number from 0 to 32'],
    ['10.0.0.0/', '"10.0.0.0/" has a bad prefix length: for IPv4 it is a number from 0 to 32'],
    [
      '10.0.0.0/8/8',
      '"10.0.0.0/8/8" has a bad prefix length: for IPv4 it is a number from 0 to 32',
    ],
    ['10.1.2.3/8', '"10.1.2.3/8" has bits set after its prefix: write 10.0.0.0/8'],
    [
      '192.168.0.129/25',
      '"192.168.0.129/25" has bits set after its prefix: write 192.168.0.128/25',
    ],
    ['1.2.3.4/0', '"1.2.3.4/0" has bits set after its prefix: write 0.0.0.0/0'],
    ['fd00::1:0:0:1/64', '"fd00::1:0:0:1/64" has bits set after its prefix: write fd00::/64'],
    ['10.0.0.1', '"10.0.0.1" has no prefix length: for this one address write 10.0.0.1/32'],
    ['::1', '"::1" has no prefix length: for this one address write ::1/128'],
    ['10.0.0/8', '"10.0.0/8" does not begin with an IP address: write CIDRs such as 10.0.0.0/8'],
    ['localhost', '"localhost" does not begin with an IP address: write CIDRs such as 10.0.0.0/8'],
    [
      'fe80::%eth0/10',
      '"fe80::%eth0/10" does not begin with an IP address: write CIDRs such as 10.0.0.0/8',
    ],
    [
      '::ffff:10.1.0.0/104',
      '"::ffff:10.1.0.0/104" would never match, as such addresses count as IPv4: write 10.0.0.0/8',
    ],
    [
      '64:ff9b::/96',
      '"64:ff9b::/96" would never match, as such addresses count as IPv4: write 0.0.0.0/0',
    ],
    ['', '"" is an empty entry: write CIDRs such as 10.0.0.0/8, or the word none alone'],
  ])('says what is wrong with %j', (text, error) => {
    expect(parseCidrs(text)).toEqual({ ok: false, errors: [error] });
  });

  it('names every bad entry at once', () => {
    const parsed = parseCidrs('10.0.0.0/8,10.0.0.1/8,none,,x/8');
    expect(parsed).toEqual({
      ok: false,
      errors: [
        expect.stringContaining('"10.0.0.1/8"'),
        expect.stringContaining('"none"'),
        expect.stringContaining('""'),
        expect.stringContaining('"x/8"'),
      ],
    });
  });
});
