/** Profiles of the configuration file, in the program itself. Budget: 3 s. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { REPOSITORY, runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { startServer } from '../support/e2e-server.ts';

const TIMEOUT_MS = 120_000;

it('are those of destinations, and may be the default', { timeout: TIMEOUT_MS }, async () => {
  const cwd = temporaryFolder();
  const receiver = await startReceiver();
  const ANGARIUM_CONFIG = join(REPOSITORY, 'examples/profiles/github.yaml');
  const server = await startServer({ cwd, env: { ANGARIUM_CONFIG, ANGARIUM_PROFILE: 'github' } });
  const { models } = await server.api.ok<{ models: { name: string; default: boolean }[] }>(
    'GET',
    '/api/v1/profiles',
  );
  expect(models.find((profile) => profile.default)?.name).toBe('github');
  await server.api.tenant('acme');
  await server.api.destination('acme', { id: 'd', url: receiver.url('/github') });
  await server.api.publish({ tenant_id: 'acme', data: { zen: 'plain' } });
  const [hit] = await receiver.wait('/github', 1);
  expect(hit?.body).toBe('{"zen":"plain"}');
  await server.stop();
});

it('give destinations up by their own rule', { timeout: TIMEOUT_MS }, async () => {
  const cwd = temporaryFolder();
  const ANGARIUM_CONFIG = join(cwd, 'angarium.yaml');
  writeFileSync(
    ANGARIUM_CONFIG,
    'profiles: {strict: {signature: null, retry: {delays_s: []}, ending: {without_success_s: null, consecutive_failures: 2}}}\n',
  );
  const receiver = await startReceiver();
  receiver.behave('/fail', () => 500);
  const server = await startServer({ cwd, env: { ANGARIUM_CONFIG, ANGARIUM_PROFILE: 'strict' } });
  await server.api.tenant('acme');
  await server.api.destination('acme', { id: 'd', url: receiver.url('/fail') });
  const path = '/api/v1/tenants/acme/destinations/d';
  const state = async () => (await server.api.ok<{ state: object }>('GET', path)).state;
  await server.api.publish({ tenant_id: 'acme', data: { nth: 1 } });
  await expect.poll(state).toMatchObject({ status: 'healthy', consecutive_failures: 1 });
  await server.api.publish({ tenant_id: 'acme', data: { nth: 2 } });
  await expect
    .poll(state)
    .toMatchObject({ status: 'disabled', reason: 'consecutive_failures', consecutive_failures: 2 });
  await server.stop();
});

it('that are wrong keep it from starting, all said at once', { timeout: TIMEOUT_MS }, async () => {
  const cwd = temporaryFolder();
  const path = join(cwd, 'angarium.yaml');
  writeFileSync(path, 'profiles:\n  a:\n    signature: {header: X, each: x}\n    retries: 3\n');
  for (const command of [['serve'], ['config', 'check']]) {
    const { code, stdout, stderr } = await runAngarium([...command, '--config', path], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(
      `2 options are wrong:\n  ${path}:3: profiles.a.signature.each: {signature} has to stand in it once\n  ${path}:4: profiles.a.retries: there is no such setting`,
    );
  }
});
