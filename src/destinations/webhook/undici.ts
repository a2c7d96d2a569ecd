/**
 * The parts of undici that send: its main file loads all others too (agents, proxies, caches, mocks, interceptors), which
 * would take 2 MiB of every server and a tenth of its start.
 */
import { createRequire } from 'node:module';
import type { Client as UndiciClient, errors as UndiciErrors } from 'undici';

const require = createRequire(import.meta.url);

export const Client = require('undici/lib/dispatcher/client.js') as typeof UndiciClient;
export const errors = require('undici/lib/core/errors.js') as typeof UndiciErrors;
