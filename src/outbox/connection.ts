/** Connections to an application's PostgreSQL, also through a pooler in transaction mode. */
import type pg from 'pg';
import { placeOf, withTlsOfLibpq } from '../domain/postgres-url.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** What takes longer is given up: the connection may be dead without having said so. */
const QUERY_TIMEOUT_MS = 30_000;
const UNKNOWN_ISSUER: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/**
 * No setting is sent at the start of a connection but its name: poolers refuse others. Statements are not named, as a
 * pooler may give each one another connection.
 */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: withTlsOfLibpq(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'angarium-outbox',
  };
}

/** What is wrong with the database or the way to it, and what helps, in a sentence without secrets. */
export function reasonOf(error: unknown, url: string): string {
  const where = placeOf(url);
  const code = codeOf(error);
  const said = UNKNOWN_ISSUER.has(code)
    ? 'its certificate was issued by no authority that is known here'
    : messageOf(error);
  const advice = adviceOn(code);
  return advice === null ? `${where}: ${said}` : `${where}: ${said}: ${advice}`;
}

/** The SQLSTATE, or what the system calls it; empty where there is none. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Several addresses of one name give an error without a text of its own. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message;
  return error.errors
    .map((each) => (each instanceof Error ? each.message : String(each)))
    .join(', ');
}

function adviceOn(code: string): string | null {
  if (UNKNOWN_ISSUER.has(code))
    return 'name the file of its authority in the URL (sslrootcert=PATH), or in ANGARIUM_CA_FILE';
  switch (code) {
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
    case '3F000':
    case '42P01':
    case '42703':
      return 'there is no outbox here, or not a whole one: run angarium outbox install';
    case '42501':
      return 'grant this role what angarium outbox install prints';
    default:
      return null;
  }
}
