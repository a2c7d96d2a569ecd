/** Keys by the command line, over a restart of the server. Budget: 10 s. */
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { API_KEY, startServer } from '../support/e2e-server.ts';

const TIMEOUT_MS = 120_000;

it(
  'keys are made, listed and revoked by the command line, and outlive the server',
  { timeout: TIMEOUT_MS },
  async () => {
    const cwd = temporaryFolder();
    let server = await startServer({ cwd });
    const run = (args: readonly string[], key = API_KEY) =>
      runAngarium(args, { cwd, env: { ANGARIUM_URL: server.url, ANGARIUM_API_KEY: key } });
    const statusOf = async (key: string, path = 'tenants') => {
      const headers = { authorization: `Bearer ${key}` };
      return (await fetch(`${server.url}/api/v1/${path}`, { headers })).status;
    };
    const make = async (...options: string[]) => {
      const { code, stdout } = await run(['keys', 'create', '--name', 'Shop', ...options]);
      const [, id = ''] = /^Key (key_\w+) of scope /.exec(stdout) ?? [];
      const [, token = ''] = /^ {4}(ank_\S+)$/m.exec(stdout) ?? [];
      expect({ code, token }).toEqual({ code: 0, token: expect.stringMatching(/.{40}/) as string });
      return { id, token, stdout };
    };

    expect((await run(['keys', 'list'])).stdout).toBe(
      'There are no keys besides ANGARIUM_API_KEY.\n',
    );
    const kept = await make('--scope', 'read', '--expires-at', '2099-01-01T00:00:00Z');
    expect(kept.stdout).toContain('of scope read. It expires at 2099-01-01T00:00:00.000Z.');
    const revoked = await make('--scope', 'admin');
    expect(revoked.stdout).toContain('of scope admin. It does not expire.');
    expect([await statusOf(kept.token), await statusOf(revoked.token, 'keys')]).toEqual([200, 200]);

    const end = await run(['keys', 'revoke', revoked.id], revoked.token);
    expect(end).toMatchObject({ code: 0, stdout: `revoked  ${revoked.id}\n` });
    await server.stop();
    server = await startServer({ cwd });
    expect([await statusOf(kept.token), await statusOf(revoked.token)]).toEqual([200, 401]);

    const { stdout } = await run(['keys', 'list']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ID +TOKEN +SCOPE +EXPIRES +LAST USED +NAME$/);
    const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    const row = (id: string, scope: string, expires: string) =>
      new RegExp(`^${id}  ank_\\S{8}…  ${scope} +${expires} +${time}  Shop$`);
    // Both were used: that was written down at the stop at the latest.
    expect(rows[0]).toMatch(row(revoked.id, 'admin', 'revoked'));
    expect(rows[1]).toMatch(row(kept.id, 'read', time));

    const again = await run(['keys', 'revoke', revoked.id]);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain('The key was revoked: create another one.');
    const forbidden = await run(['keys', 'list'], kept.token);
    expect(forbidden).toMatchObject({ code: 1, stdout: '' });
    expect(forbidden.stderr).toContain('This credential is operator:read');
    const wrong = await run(['keys', 'create', '--name', 'x', '--scope', 'write']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toBe('angarium: --scope: write one of admin, publish, read\n');
    await server.stop();
  },
);
