/** What keeps a program from its PostgreSQL database, and what helps: in words, without secrets. */

const UNKNOWN_ISSUER: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  // Another authority of the same name.
  'CERT_SIGNATURE_FAILURE',
]);
/** `pg` gives it no code. */
const NO_TLS = 'The server does not support SSL connections';

/** What OpenSSL makes of the server's answer to a client's certificate. */
const REFUSES_CLIENT = 'the server refuses the certificate of the client';
const CLIENT_REFUSED = /alert (unknown ca|decrypt error|bad certificate|certificate \w+)/;

/** What happened, and after a colon what helps where that is known. `more`: advice on other codes. */
export function describeTrouble(
  error: unknown,
  more: Readonly<Record<string, string>> = {},
): string {
  const code = codeOf(error);
  const said = UNKNOWN_ISSUER.has(code)
    ? 'its certificate was issued by no authority that is known here'
    : messageOf(error);
  const advice = more[code] ?? adviceOn(code, said);
  return advice === null ? said : `${said}: ${advice}`;
}

/** The SQLSTATE, or what the system calls it; empty where there is none. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A host with several addresses gives an error for each, and none of its own. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, alert] = CLIENT_REFUSED.exec(error.message) ?? [];
  if (alert !== undefined) return `${REFUSES_CLIENT} (${alert})`;
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message;
  return error.errors
    .map((each) => (each instanceof Error ? each.message : String(each)))
    .join('; ');
}

function adviceOn(code: string, said: string): string | null {
  if (UNKNOWN_ISSUER.has(code))
    return 'name the file of its authority in the URL (sslrootcert=PATH), or in ANGARIUM_CA_FILE';
  if (said === NO_TLS)
    return 'switch TLS on there (ssl = on), or take sslmode out of the URL where nobody can listen in between';
  if (said.startsWith(REFUSES_CLIENT))
    return 'name in the URL (sslcert) one of an authority that the server knows, by its ssl_ca_file';
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'write in the URL a host that the certificate names, or give the server one that names this host';
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'give the server a certificate that is valid now';
    case 'ENOENT':
    case 'EACCES':
      return 'sslrootcert, sslcert and sslkey in the URL name files that this user can read';
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'is the server running, and are host and port right?';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'is the host’s name right?';
    case '28P01':
    case '28000':
      return 'are user and password right, and may this user come from here?';
    case '3D000':
      return 'name a database that exists';
    default:
      return null;
  }
}
