/** What the documents have a receiver copy: every sample in JavaScript runs, and every server of them receives. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REPOSITORY, startProcess } from '../support/e2e-process.ts';
import { until, untilTrue } from '../support/e2e-until.ts';
import { freePort } from '../support/free-port.ts';
import { caseOf, EVENT_ID, messageOf } from '../support/sdk-messages.ts';

const DOCUMENTS = ['../../sdk/README.md', '../../docs/guides/receiving.md'];
const PORT = '9000';

const samples = DOCUMENTS.flatMap((path) => {
  const text = readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
  return [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code);
});
const nameOf = (code: string) => code.match(/^import .*$/gm)?.join(' ') ?? code.slice(0, 60);
const servers = samples.filter((code) => code.includes(PORT));
const others = samples.filter((code) => !code.includes(PORT));

it('finds them', () => {
  expect([servers.length, others.length]).toEqual([4, 6]);
});

describe.each(servers.map((code) => ({ name: nameOf(code), code })))('$name', ({ code }) => {
  it('receives what is signed, and refuses what was changed', async () => {
    const port = await freePort();
    const running = run(code.replaceAll(PORT, String(port)));
    const { headers, body } = messageOf('standard', { atMs: Date.now() });
    const post = (text: string) =>
      fetch(`http://127.0.0.1:${port}/webhooks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: text,
      });
    const answer = await until('its first answer', () => post(body).catch(() => undefined));
    expect(answer.status).toBe(200);
    expect((await post(`${body} `)).status).toBe(401);
    await untilTrue('its log', () => running.stdout().includes(`${EVENT_ID} room.created`));
  });
});

it.each(others.map((code) => ({ name: nameOf(code), code })))('$name runs', async ({ code }) => {
  const running = run(code);
  expect(await running.exited).toEqual({ code: 0, signal: null });
  // Each line that is printed has in a comment what it prints.
  const said = [...code.matchAll(/console\.log\(.*\); \/\/ ([\w ]+?)(?:[,:].*)?$/gm)];
  expect(
    running
      .stdout()
      .trim()
      .split('\n')
      .slice(-said.length || undefined),
  ).toEqual(said.length === 0 ? [''] : said.map(([, what]) => what));
});

function run(code: string) {
  return startProcess([process.execPath, '--input-type=module', '--eval', code], {
    cwd: REPOSITORY,
    env: { WEBHOOK_SECRET: caseOf('standard').secret },
  });
}
