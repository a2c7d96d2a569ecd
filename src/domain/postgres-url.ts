/** URLs of PostgreSQL databases, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. */

/** Where it leads, without what is secret of it. */
export function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `postgres://${host}${pathname}`;
}

/** `sslmode` means what it means to every other program, not what the client library made of it. */
export function withTlsOfLibpq(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has('sslmode')) parsed.searchParams.set('uselibpqcompat', 'true');
  return parsed.href;
}
