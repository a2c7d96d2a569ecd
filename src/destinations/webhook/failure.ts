/** Which of the closed reasons an error of the connection is. The details are for tenants: coarse, without addresses. */
import type { FailureReason } from '../../domain/attempt.ts';
import { BlockedAddressError, ConnectTimeoutError, DnsError, TlsError } from '../connector.ts';
import { errors } from './undici.ts';

export interface Failure {
  readonly reason: FailureReason;
  readonly detail: string;
}

/** `headersCame`: of the answer, whole. */
export function failureOf(error: unknown, headersCame: boolean): Failure {
  if (error instanceof BlockedAddressError) {
    return failed(
      'blocked_address',
      'The receiver’s name leads to an address that is not delivered to.',
    );
  }
  if (error instanceof DnsError) return failed('dns', 'The receiver’s name did not resolve.');
  if (error instanceof ConnectTimeoutError)
    return failed('timeout', 'The connection was not open in time.');
  if (error instanceof TlsError) return failed('tls', tlsDetail(codeOf(error.cause)));
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return failed('response_too_large', 'The headers of the answer are larger than 16 KiB.');
  if (isBadAnswer(error, code, headersCame))
    return failed('protocol', 'The answer is not valid HTTP.');
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return failed('tls', tlsDetail(code));
  if (code === 'UND_ERR_INVALID_ARG') {
    return failed(
      'invalid_destination',
      'The destination’s URL or headers cannot be sent; set them again.',
    );
  }
  if (code === 'UND_ERR_DESTROYED')
    return failed('connection', 'The attempt was given up, as the sender is stopping.');
  if (code === 'ECONNREFUSED') return failed('connection', 'The receiver refused the connection.');
  if (error instanceof Error && 'syscall' in error && error.syscall === 'connect')
    return failed('connection', 'The receiver could not be reached.');
  return failed('connection', 'The connection was lost before the answer was complete.');
}

/** Closed or reset by the other end, as opposed to never opened. */
export function isLostConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

/**
 * undici does not tell which of its parser's errors it is. One without data came when the connection was closed: the
 * answer was fine as far as it went. It tells of a wrong length wherever a length was given: within the headers that is
 * an error of theirs, after them the end came too early. A status below 100 fails an assertion of undici's.
 */
function isBadAnswer(error: unknown, code: string, headersCame: boolean): boolean {
  if (error instanceof errors.HTTPParserError) return !('data' in error) || error.data !== '';
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return !headersCame;
  return code === 'ERR_ASSERTION';
}

/** What the receiver says of the handshake: OpenSSL names the version that first had the alert. */
const ALERT = /^ERR_SSL_(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_ALERT_/;

/** By OpenSSL's and Node's codes; what to do is in the sentence. */
function tlsDetail(code: string): string {
  switch (code.replace(ALERT, 'ALERT_')) {
    case 'CERT_HAS_EXPIRED':
      return 'The receiver’s certificate has expired: renew it.';
    case 'CERT_NOT_YET_VALID':
      return 'The receiver’s certificate is not valid yet.';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return 'The receiver’s certificate is self-signed: use one of a public authority, or give its authority as `ca`.';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'The receiver’s certificate cannot be verified: serve the whole chain, intermediates too.';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'The receiver’s certificate is for another host name.';
    case 'ALERT_PROTOCOL_VERSION':
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'The receiver speaks no TLS 1.2 or newer.';
    case 'ALERT_NO_APPLICATION_PROTOCOL':
      return 'The receiver does not offer HTTP/1.1.';
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'The receiver does not speak TLS on this port.';
    case 'ALERT_CERTIFICATE_REVOKED':
      return 'The receiver says that the destination’s client certificate is revoked: set a new one.';
    case 'ALERT_CERTIFICATE_EXPIRED':
      return 'The receiver says that the destination’s client certificate has expired: set a new one.';
    case 'ALERT_CERTIFICATE_REQUIRED':
      return 'The receiver asks for a client certificate: set the authentication `mtls`.';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'The receiver closed the connection during the TLS handshake, without a reason; it may not accept the destination’s client certificate, or ask for one.';
    case 'ALERT_HANDSHAKE_FAILURE':
      return 'The receiver broke off the TLS handshake; it may ask for a client certificate.';
    case 'ALERT_UNKNOWN_CA':
    case 'ALERT_BAD_CERTIFICATE':
    case 'ALERT_CERTIFICATE_UNKNOWN':
    case 'ALERT_UNSUPPORTED_CERTIFICATE':
    case 'ALERT_ACCESS_DENIED':
      return 'The receiver does not accept the destination’s client certificate.';
    default:
      return 'The TLS handshake with the receiver failed.';
  }
}

function failed(reason: FailureReason, detail: string): Failure {
  return { reason, detail };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
