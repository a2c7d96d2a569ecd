/**
 * The built core of the SDK in a context that has nothing but the language, WebCrypto and the text encoders: no process, no
 * Buffer, no fetch. Run with --experimental-vm-modules; prints what the verifications said, as JSON.
 */
import { readFile } from 'node:fs/promises';
import { createContext, SourceTextModule } from 'node:vm';

const [, , entry, input] = process.argv;
const context = createContext({ crypto: globalThis.crypto, TextEncoder, TextDecoder });

const modules = new Map();
async function load(url) {
  const known = modules.get(url);
  if (known) return known;
  const module = new SourceTextModule(await readFile(new URL(url), 'utf8'), {
    context,
    identifier: url,
  });
  modules.set(url, module);
  return module;
}

const core = await load(entry);
await core.link((specifier, referrer) => load(new URL(specifier, referrer.identifier).href));
await core.evaluate();

const use = new SourceTextModule(
  `import { createMemoryStore, createReplayGuard, verify } from 'core';
  const results = [];
  const guard = createReplayGuard({ store: createMemoryStore() });
  for (const { profile, headers, body, secret, nowMs } of input) {
    const { ok } = await verify(profile, headers, body, secret, { now: () => nowMs });
    const { state } = await guard.once(profile, () => {});
    results.push([profile, ok, state]);
  }
  export const said = JSON.stringify({ results, globals: [typeof process, typeof Buffer, typeof fetch] });`,
  { context },
);
context.input = JSON.parse(input);
await use.link(() => core);
await use.evaluate();
console.log(use.namespace.said);
