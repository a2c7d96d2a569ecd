/** Connections to an application's PostgreSQL, also through a pooler in transaction mode. */
import type pg from 'pg';
import { describeTrouble } from '../domain/postgres-trouble.ts';
import { placeOf, withTlsOfLibpq } from '../domain/postgres-url.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** What takes longer is given up: the connection may be dead without having said so. */
const QUERY_TIMEOUT_MS = 30_000;
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

const NO_OUTBOX = 'there is no outbox here, or not a whole one: run angarium outbox install';
const ADVICE = {
  '3F000': NO_OUTBOX,
  '42P01': NO_OUTBOX,
  '42703': NO_OUTBOX,
  '42501': 'grant this role what angarium outbox install prints',
};

/** What is wrong with the database or the way to it, and what helps, in a sentence without secrets. */
export function reasonOf(error: unknown, url: string): string {
  return `${placeOf(url)}: ${describeTrouble(error, ADVICE)}`;
}
