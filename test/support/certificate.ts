/**
 * Certificates for tests, made in the process: X.509 v3 (RFC 5280) written as DER, P-256 and
 * SHA-256. A certificate is its own authority, unless another one issues it: give that as `ca` to
 * whoever is to trust it.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface CertificateOptions {
  /** `YYMMDDhhmmssZ`; from 2020 to 2049 by default. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** Of its subject; by default the test authority’s, or that of a receiver where another issues it. */
  readonly name?: string;
  /** 1 to 127; 1 by default. */
  readonly serial?: number;
  /** Signs it; by default it signs itself. */
  readonly issuer?: TestCertificate;
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  altDnsName: 0x82,
  altIpAddress: 0x87,
} as const;

/** The encoded object identifiers (contents only). */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
} as const;

const AUTHORITY = 'Angarium test';

/** For the given names: DNS names and IPv4 addresses. */
export function createCertificate(
  names: readonly string[],
  {
    notBefore = '200101000000Z',
    notAfter = '491231235959Z',
    serial = 1,
    name,
    issuer,
  }: CertificateOptions = {},
): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(TAG.sequence, oid(OID.ecdsaWithSha256));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const toBeSigned = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.from([serial])),
    algorithm,
    nameOf(issuer === undefined ? (name ?? AUTHORITY) : AUTHORITY),
    der(TAG.sequence, utcTime(notBefore), utcTime(notAfter)),
    nameOf(name ?? (issuer === undefined ? AUTHORITY : 'Angarium test receiver')),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      TAG.extensions,
      der(
        TAG.sequence,
        extension(OID.basicConstraints, der(TAG.sequence, der(TAG.boolean, Buffer.from([0xff])))),
        extension(OID.subjectAltName, der(TAG.sequence, ...names.map(alternativeName))),
      ),
    ),
  );
  const certificate = signed(toBeSigned, issuer?.key ?? pem);
  return { cert: armor('CERTIFICATE', certificate), key: pem };
}

/** What an authority has revoked, by serial number (RFC 5280, 5.1). PEM. */
export function createRevocationList({ key }: TestCertificate, serials: readonly number[]): string {
  const revoked = serials.map((serial) =>
    der(TAG.sequence, der(TAG.integer, Buffer.from([serial])), utcTime('200101000000Z')),
  );
  const toBeSigned = der(
    TAG.sequence,
    der(TAG.integer, Buffer.from([1])),
    der(TAG.sequence, oid(OID.ecdsaWithSha256)),
    nameOf(AUTHORITY),
    utcTime('200101000000Z'),
    utcTime('491231235959Z'),
    der(TAG.sequence, ...revoked),
  );
  return armor('X509 CRL', signed(toBeSigned, key));
}

function signed(toBeSigned: Buffer, key: string): Buffer {
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', toBeSigned, key)]);
  const algorithm = der(TAG.sequence, oid(OID.ecdsaWithSha256));
  return der(TAG.sequence, toBeSigned, algorithm, der(TAG.bitString, signature));
}

function armor(label: string, bytes: Buffer): string {
  return `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`;
}

function nameOf(commonName: string): Buffer {
  const attribute = der(
    TAG.sequence,
    oid(OID.commonName),
    der(TAG.utf8String, Buffer.from(commonName)),
  );
  return der(TAG.sequence, der(TAG.set, attribute));
}

function alternativeName(name: string): Buffer {
  return isIPv4(name)
    ? der(TAG.altIpAddress, Buffer.from(name.split('.').map(Number)))
    : der(TAG.altDnsName, Buffer.from(name));
}

function extension(id: string, value: Buffer): Buffer {
  return der(TAG.sequence, oid(id), der(TAG.octetString, value));
}

function oid(hex: string): Buffer {
  return der(TAG.oid, Buffer.from(hex, 'hex'));
}

function utcTime(text: string): Buffer {
  return der(TAG.utcTime, Buffer.from(text));
}

/** Tag, length, contents (X.690); contents of at most 65,535 bytes. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
