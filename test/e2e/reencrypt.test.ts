/** The encryption key is rotated by the book: docs/operations/encryption-key.md. Budget: 10 s. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { startReceiver } from '../support/e2e-receiver.ts';
import { API_KEY, startServer } from '../support/e2e-server.ts';
import { untilTrue } from '../support/e2e-until.ts';

const TIMEOUT_MS = 120_000;
const DESTINATIONS = 30;

const newKey = () => randomBytes(32).toString('base64');

it(
  'the old key can go once `angarium keys reencrypt` has run, and nothing that was published meanwhile is lost',
  { timeout: TIMEOUT_MS },
  async () => {
    const cwd = temporaryFolder();
    const receiver = await startReceiver();
    const [oldKey, key] = [newKey(), newKey()];
    const start = (keys: string) => startServer({ cwd, env: { ANGARIUM_ENCRYPTION_KEY: keys } });

    const first = await start(oldKey);
    await first.api.tenant('acme');
    for (let number = 0; number < DESTINATIONS; number++)
      await first.api.destination('acme', { id: `d${number}`, url: receiver.url(`/${number}`) });
    await first.stop();

    const both = await start(`${key},${oldKey}`);
    const events: string[] = [];
    const over = new AbortController();
    const publishing = (async () => {
      while (!over.signal.aborted)
        events.push(await both.api.publish({ tenant_id: 'acme', data: {} }));
    })();
    const env = { ANGARIUM_URL: both.url, ANGARIUM_API_KEY: API_KEY };
    const run = await runAngarium(['keys', 'reencrypt'], { cwd, env });
    over.abort();
    await publishing;
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const lines = run.stdout.split('\n');
    expect(lines.slice(-3).join('\n')).toBe(
      `${DESTINATIONS} secrets checked, ${DESTINATIONS} moved to the first encryption key.\nAll of them are under it: the other keys can be taken out of ANGARIUM_ENCRYPTION_KEY.\n`,
    );
    await both.stop();

    const last = await start(key);
    events.push(await last.api.publish({ tenant_id: 'acme', data: {} }));
    await untilTrue('all to be delivered', () => last.api.isIdle());
    for (let number = 0; number < DESTINATIONS; number++) {
      const ids = receiver.hits(`/${number}`).map(({ id }) => id);
      expect(new Set(ids)).toEqual(new Set(events));
    }
    await last.stop();

    // The old key alone opens nothing any more.
    const old = await start(oldKey);
    const answer = await runAngarium(['keys', 'reencrypt'], {
      cwd,
      env: { ...env, ANGARIUM_URL: old.url },
    });
    expect(answer).toMatchObject({ code: 1 });
    expect(answer.stdout).toContain(`${DESTINATIONS} are not, as none of the keys`);
    await old.stop();
  },
);

it('says what is missing where it cannot call', { timeout: TIMEOUT_MS }, async () => {
  const cwd = temporaryFolder();
  const run = (env: Record<string, string>, ...more: string[]) =>
    runAngarium(['keys', 'reencrypt', ...more], { cwd, env });
  const url = 'http://127.0.0.1:1';
  const ANGARIUM_API_KEY = API_KEY;
  expect(await run({})).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^angarium: ANGARIUM_API_KEY: give the operator’s key/) as string,
  });
  expect(await run({ ANGARIUM_API_KEY, ANGARIUM_URL: 'nowhere' })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^angarium: ANGARIUM_URL: write the server’s URL/) as string,
  });
  expect(await run({ ANGARIUM_API_KEY, ANGARIUM_URL: url })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^angarium: there is no answer of http:\/\/127\.0\.0\.1:1 \(.+\): is the server there/,
    ) as string,
  });
  expect(await run({ ANGARIUM_API_KEY }, '--url', url)).toMatchObject({ code: 2 });

  const server = await startServer({ cwd });
  expect(
    await run({ ANGARIUM_URL: server.url, ANGARIUM_API_KEY: 'another-key-of-somebody' }),
  ).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^angarium: POST \/keys\/reencrypt was refused: .+key/) as string,
  });
  await server.stop();
});
