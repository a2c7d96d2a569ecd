/** Mutual TLS: a client certificate and its key, and perhaps the authority that the receiver is verified by. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { TlsIdentity } from '../../connector.ts';
import type { FieldProblem } from '../../destination-type.ts';
import {
  certificatesPem,
  EXPECTED_CERTIFICATES,
  parseCertificates,
  parsePrivateKey,
} from '../../certificates.ts';
import type { AuthFields, TextRule } from './auth-fields.ts';

export interface MtlsAuth {
  readonly method: 'mtls';
  /** PEM: the client's certificate, and the intermediate ones after it. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM; trusted instead of the public authorities. */
  readonly ca?: string;
}

const WARNED_BEFORE_MS = 30 * 24 * 60 * 60 * 1000;

const CERTIFICATES: TextRule = {
  pattern: /-----BEGIN CERTIFICATE-----/,
  expected: EXPECTED_CERTIFICATES,
};
const KEY: TextRule = {
  pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  expected: 'Write the certificate’s private key in PEM, not encrypted.',
};

export function checkMtls(fields: AuthFields, nowMs: number): MtlsAuth {
  const certificates = certificatesOf(
    fields,
    'certificate',
    fields.required('certificate', CERTIFICATES),
  );
  const ca = certificatesOf(fields, 'ca', fields.optional('ca', CERTIFICATES) ?? '');
  const keyText = fields.required('key', KEY);
  const key = keyText === '' ? undefined : parsePrivateKey(keyText);
  if (keyText !== '' && key === undefined) fields.refuse('key', 'format', KEY.expected);

  const [leaf] = certificates;
  const auth: MtlsAuth = {
    method: 'mtls',
    certificate: certificatesPem(certificates),
    key: key?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? '',
    ...(ca.length === 0 ? {} : { ca: certificatesPem(ca) }),
  };
  if (leaf === undefined) return auth;
  if (leaf.validToDate.getTime() <= nowMs)
    fields.refuse('certificate', 'expired', 'The certificate has expired: get a new one.');
  if (key === undefined) return auth;
  if (!leaf.checkPrivateKey(key))
    fields.refuse('key', 'mismatch', 'The key is not that of the (first) certificate.');
  else if (!isUsable(tlsIdentity(auth))) {
    const message = 'TLS cannot use this certificate and key: they may be too short or too old.';
    fields.refuse('certificate', 'unusable', message);
  }
  return auth;
}

export function tlsIdentity({ certificate, key, ca }: MtlsAuth): TlsIdentity {
  return { cert: certificate, key, ca };
}

/** What its owner should know of it. */
export function mtlsWarnings({ certificate }: MtlsAuth, nowMs: number): FieldProblem[] {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  const warning = (code: string, message: string) => [
    { pointer: '/auth/certificate', code, message },
  ];
  const leftMs = validToDate.getTime() - nowMs;
  const end = validToDate.toISOString();
  if (leftMs <= 0)
    return warning(
      'certificate_expired',
      `The client certificate expired at ${end}: set a new one.`,
    );
  if (leftMs <= WARNED_BEFORE_MS)
    return warning(
      'certificate_expires',
      `The client certificate expires at ${end}: set a new one.`,
    );
  if (validFromDate.getTime() <= nowMs) return [];
  const start = validFromDate.toISOString();
  return warning('certificate_not_yet_valid', `The client certificate is valid from ${start} on.`);
}

function certificatesOf(fields: AuthFields, name: string, text: string): X509Certificate[] {
  if (text === '') return [];
  const certificates = parseCertificates(text);
  if (certificates === undefined) fields.refuse(name, 'format', EXPECTED_CERTIFICATES);
  return certificates ?? [];
}

function isUsable(tls: TlsIdentity): boolean {
  try {
    createSecureContext({ minVersion: 'TLSv1.2', ...tls });
    return true;
  } catch {
    return false;
  }
}
