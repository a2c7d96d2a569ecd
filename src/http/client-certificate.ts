/** A client certificate as it was given, looked at before it is kept: it has to be good for a handshake now. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ClientCertificate } from '../domain/api-client.ts';
import type { FieldError } from './errors.ts';
import type { CertificateBody } from './schemas/api-client.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

export interface CheckedCertificate {
  readonly certificate: ClientCertificate;
  readonly expiresAtMs: number;
}

/** `undefined` where something is wrong; what, is added to `problems`. */
export function checkClientCertificate(
  { certificate, key, ca = null }: CertificateBody,
  nowMs: number,
  problems: FieldError[],
): CheckedCertificate | undefined {
  const wrong = (field: string, code: string, message: string) =>
    void problems.push({ pointer: `/${field}`, code, message });
  const chain = certificatesOf(certificate);
  const [own] = chain ?? [];
  if (own === undefined)
    wrong('certificate', 'format', 'A certificate is PEM, with its intermediate ones after it.');
  const privateKey = keyOf(key);
  if (privateKey === undefined)
    wrong('key', 'format', 'A private key is PEM, and is not encrypted.');
  if (ca !== null && (certificatesOf(ca)?.length ?? 0) === 0)
    wrong('ca', 'format', 'An authority is one or more certificates in PEM.');
  if (own === undefined || privateKey === undefined) return undefined;
  if (!own.checkPrivateKey(privateKey))
    wrong('key', 'mismatch', 'The key is not that of the certificate.');
  const expiresAtMs = own.validToDate.getTime();
  if (expiresAtMs <= nowMs)
    wrong('certificate', 'expired', 'The certificate has expired: give one that is good.');
  return problems.length > 0 ? undefined : { certificate: { certificate, key, ca }, expiresAtMs };
}

/** `undefined` where one of them cannot be read. */
function certificatesOf(pem: string): X509Certificate[] | undefined {
  try {
    return (pem.match(PEM_CERTIFICATE) ?? []).map((each) => new X509Certificate(each));
  } catch {
    return undefined;
  }
}

function keyOf(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
