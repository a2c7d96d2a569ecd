/** No secret stands in clear on the disk, in the tables of PostgreSQL, in the logs, or in what the API tells of what happened. Budget: 4 s. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { createCertificate } from '../support/certificate.ts';
import { isOnPostgres, rowsOf } from '../support/e2e-database.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';

/** What is looked for. The first of each pair is a destination's `auth` or `credentials`. */
const CANARY = 'canary-8c1f';
const client = createCertificate(['client.test']);
/** A line of the private key. */
const [, KEY_LINE = ''] = client.key.split('\n');

const DESTINATIONS: Readonly<Record<string, object>> = {
  signing: {
    credentials: {
      secret: `whsec_${Buffer.from(`${CANARY}-standard-0123456789`).toString('base64')}`,
    },
  },
  baack: { profile: 'baack', credentials: { secret: `${CANARY}-baack` } },
  balkanid: { profile: 'balkanid', credentials: { secret: `whsec_${CANARY}-balkanid` } },
  basekit: { profile: 'basekit', credentials: { secret: `${CANARY}-basekit-0123456789` } },
  basic: { auth: { method: 'basic', username: 'u', password: `${CANARY}-basic` } },
  digest: { auth: { method: 'digest', username: 'u', password: `${CANARY}-digest` } },
  bearer: { auth: { method: 'bearer', token: `${CANARY}-bearer` } },
  header: { auth: { method: 'header', headers: { 'x-api-key': `${CANARY}-header` } } },
  mtls: { auth: { method: 'mtls', certificate: client.cert, key: client.key } },
};

it('nowhere but in the answers that show it to its owner', { timeout: 120_000 }, async () => {
  const cwd = temporaryFolder();
  const receiver = await startReceiver();
  receiver.behave('/fails', () => 500);
  const server = await startServer({ cwd, env: { ANGARIUM_LOG_LEVEL: 'debug' } });
  const { api } = server;
  await api.tenant('acme');
  const all: Record<string, object> = {
    ...DESTINATIONS,
    oauth2: {
      auth: {
        method: 'oauth2',
        token_url: receiver.url('/token'),
        client_id: 'c',
        client_secret: `${CANARY}-oauth2`,
      },
    },
  };
  const path = '/api/v1/tenants/acme/destinations';
  for (const [id, given] of Object.entries(all)) {
    const config = { url: receiver.url('/fails') };
    const policy = { retry: { delays_s: [] } };
    await api.ok('POST', path, { id, type: 'webhook', topics: '*', config, policy, ...given });
  }
  const { token } = await api.ok<{ token: string }>('POST', '/api/v1/apiclients', {
    tenant_id: 'acme',
    name: 'a client',
    scope: 'webhook',
    full_access: true,
  });
  await api.ok('POST', `${path}/balkanid/rotate-secret`, { secret: `whsec_${CANARY}-rotated` });
  await api.publish({ tenant_id: 'acme', topic: 'a.create', data: {} });
  await expect.poll(() => api.isIdle()).toBe(true);

  const told = [
    await api.ok(
      'GET',
      '/api/v1/attempts?tenant_id=acme&include=request&include=response&include=event',
    ),
    await api.ok('GET', '/api/v1/exports/attempts'),
    await api.ok('GET', '/api/v1/audit'),
    await api.ok('GET', '/api/v1/deliveries?tenant_id=acme'),
  ].map((each) => JSON.stringify(each));
  expect(told[0]).toContain('acme');
  await server.stop();

  // Secrets, and what they are spelled as where they are sent or stored.
  const secrets = [
    CANARY,
    Buffer.from(`${CANARY}-standard-0123456789`).toString('base64'),
    Buffer.from(`u:${CANARY}-basic`).toString('base64'),
    KEY_LINE,
    token,
  ];
  expect(secrets.every((secret) => secret.length >= CANARY.length)).toBe(true);
  const places: [name: string, bytes: Buffer][] = [
    ['standard output', Buffer.from(server.running.stdout())],
    ['standard error', Buffer.from(server.running.stderr())],
    ...told.map((text, index): [string, Buffer] => [`answer ${index}`, Buffer.from(text)]),
    ...filesOf(cwd).map((file): [string, Buffer] => [file, readFileSync(file)]),
    ...(isOnPostgres ? await rowsOf(cwd) : []),
  ];
  expect(places.map(([name]) => name).join()).toContain(
    isOnPostgres ? 'destinations' : 'angarium.db',
  );
  for (const [name, bytes] of places)
    for (const secret of secrets)
      expect(bytes.includes(secret), `${secret} in ${name}`).toBe(false);
  // They are looked for in the right way: the name of a destination is found.
  expect(places.some(([, bytes]) => bytes.includes('balkanid'))).toBe(true);
});

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((file) => statSync(file).isFile());
}
