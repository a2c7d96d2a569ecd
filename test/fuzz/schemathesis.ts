/** Schemathesis, driven by the OpenAPI document, against a server: what it sent, and what it has against the answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PythonPackage } from '../support/python.ts';
import type { Seed } from './seed.ts';
import type { FuzzedServer } from './server.ts';

export const SCHEMATHESIS: PythonPackage = {
  module: 'schemathesis',
  requirement: 'schemathesis==4.32.5',
};

/** Checks that are not made, and why; all others are. */
const UNMADE = {
  positive_data_acceptance:
    'a schema cannot say that a moment has not passed, or that a cursor was given out',
  unsupported_method: 'what is not there is 404, whatever the method: docs/reference/errors.md',
  ignored_auth: 'an address that sends many wrong keys is shut out: test/api/permissions.test.ts',
};

/** Of an answer: a machine with other work may take its time. */
const ANSWER_S = 60;

export interface FuzzOptions {
  readonly python: string;
  readonly server: FuzzedServer;
  readonly seed: Seed;
  /** For its files. */
  readonly folder: string;
  /** The text of an OpenAPI document. */
  readonly document: string;
  readonly bound: FuzzBound;
  /** Only of this path. */
  readonly path?: string;
}

/** What ends a run. Only one of so many requests does the same on every machine. */
export type FuzzBound =
  | { readonly kind: 'time'; readonly seconds: number }
  /** Of random ones for each operation, beside the bounds of every field. But for ids, a seed gives the same ones. */
  | { readonly kind: 'requests'; readonly perOperation: number; readonly seed: number };

export interface FuzzReport {
  /** Requests that were sent. */
  readonly requests: number;
  /** Operations that were reached, of all. */
  readonly operations: string;
  /** No answer contradicts the document, and the fuzzer itself had no error. */
  readonly isClean: boolean;
  /** All that it wrote. */
  readonly text: string;
}

export async function runSchemathesis(options: FuzzOptions): Promise<FuzzReport> {
  const { python, server, seed, folder, document, bound, path } = options;
  const documentFile = join(folder, 'openapi.json');
  const configFile = join(folder, 'schemathesis.toml');
  // What the document gives as an example is sent too.
  writeFileSync(documentFile, document.replaceAll('https://example.com/', server.receiverUrl));
  writeFileSync(configFile, configuration(seed));
  const flags = {
    '--url': server.url,
    '--header': `Authorization: Bearer ${server.key}`,
    ...(bound.kind === 'time'
      ? { '--max-time': String(bound.seconds) }
      : { '--max-examples': String(bound.perOperation), '--seed': String(bound.seed) }),
    '--generation-database': 'none',
    '--request-timeout': String(ANSWER_S),
    // How long it takes to make a request says something of the machine alone.
    '--suppress-health-check': 'too_slow',
    ...(path === undefined ? {} : { '--include-path': path }),
  };
  const command = ['-m', 'schemathesis.cli', '--config-file', configFile, 'run', documentFile];
  const child = spawn(
    python,
    [...command, '--continue-on-failure', '--no-color', ...Object.entries(flags).flat()],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const [code] = (await once(child, 'close')) as [number | null];
  return {
    requests: Number(/(\d+) generated/.exec(text)?.[1] ?? 0),
    operations: /Tested: (\d+)/.exec(text)?.[1] ?? '0',
    isClean: code === 0,
    text,
  };
}

/** TOML, whose strings and lists are JSON's. */
function configuration({ ids, urns, subscribers, spare }: Seed): string {
  const dictionary = (name: string, values: readonly string[]) =>
    `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`;
  const drawn = (name: string, probability: number) =>
    `{ dictionary = "${name}", probability = ${probability} }`;
  const paths = Object.keys(ids).map((name) => `"path.${name}" = ${drawn(name, 0.7)}`);
  const spares = Object.keys(spare).map(
    (name) => `"path.${name}" = ${drawn(`spare_${name}`, 0.3)}`,
  );
  return [
    ...Object.entries(ids).map(([name, values]) => dictionary(name, values)),
    ...Object.entries(urns).map(([name, values]) => dictionary(name, values)),
    dictionary('subscribers', subscribers),
    ...Object.entries(spare).map(([name, values]) => dictionary(`spare_${name}`, values)),
    '[parameters]',
    ...paths,
    '"body.tenant_id" = { dictionary = "tenant_id", probability = 0.7 }',
    '"body.event_id" = { dictionary = "event_id", probability = 0.7 }',
    '"query.tenant_id" = { dictionary = "tenant_id", probability = 0.8 }',
    '"body.apiClient" = { dictionary = "subscribers", probability = 0.7 }',
    '"body.destination_id" = { dictionary = "destination_id", probability = 0.7 }',
    '',
    '[checks]',
    ...Object.entries(UNMADE).flatMap(([name, why]) => [`# ${why}`, `${name}.enabled = false`]),
    '',
    '# A list that is far too long makes the URL too long.',
    'negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 413, 415, 422, 429, 431]',
    '',
    '# A batch is taken; what is wrong with one of its events stands in its result.',
    '[[operations]]',
    'include-path = "/api/v1/publish/batch"',
    'checks.negative_data_rejection.enabled = false',
    '',
    ...Object.keys(urns).flatMap((name) => [
      '[[operations]]',
      `include-path-regex = "/${name}/[{]urn[}]"`,
      '[operations.parameters]',
      `"path.urn" = ${drawn(name, 0.8)}`,
      '',
    ]),
    '[[operations]]',
    'include-method = "DELETE"',
    '[operations.parameters]',
    ...spares,
    '',
  ].join('\n');
}
