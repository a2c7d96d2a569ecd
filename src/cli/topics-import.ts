/** `angarium topics import FILE...`: documents into the catalogue of a running server. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { ApiClient } from './api-client.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

export interface TopicsImport {
  readonly files: readonly string[];
  readonly dryRun: boolean;
  readonly dataPointer: string | undefined;
  readonly enforcement: string | undefined;
}

/** Throws `CommandUsageError`. */
export function parseTopicsImport(argv: readonly string[]): TopicsImport {
  const { values, positionals } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean' },
        'data-pointer': { type: 'string' },
        enforcement: { type: 'string' },
      },
    }),
  );
  if (positionals.length === 0)
    throw new CommandUsageError('name one or more files: angarium topics import FILE...');
  return {
    files: positionals,
    dryRun: values['dry-run'] === true,
    dataPointer: values['data-pointer'],
    enforcement: values.enforcement,
  };
}

/** Gives what to say. The files go in one call: all of them or none. */
export async function importTopics(command: TopicsImport, client: ApiClient): Promise<string> {
  const documents = await Promise.all(
    command.files.map(async (file) => ({
      name: topicOf(file),
      document: await readDocument(file),
    })),
  );
  const answer = await client.call('POST', '/catalogue/import', {
    documents,
    ...(command.dryRun ? { dry_run: true } : {}),
    ...(command.dataPointer === undefined ? {} : { data_pointer: command.dataPointer }),
    ...(command.enforcement === undefined ? {} : { enforcement: command.enforcement }),
  });
  // Of the shape of `ImportedSchema`.
  const { created, changed, unchanged } = JSON.parse(answer) as Record<string, readonly string[]>;
  const lines = [
    ...(created ?? []).map((name) => `created    ${name}`),
    ...(changed ?? []).map((name) => `changed    ${name}`),
    ...(unchanged ?? []).map((name) => `unchanged  ${name}`),
    ...(command.dryRun ? ['Nothing was written: --dry-run.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** JSON, or YAML. */
async function readDocument(file: string): Promise<unknown> {
  const yaml = await import('yaml');
  try {
    const text = await readFile(file, 'utf8');
    return file.endsWith('.json') ? JSON.parse(text) : yaml.parse(text, { maxAliasCount: 10_000 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandUsageError(`${file} cannot be read: ${reason}`);
  }
}

/** `schemas/room.created.schema.json` -> `room.created`: the topic, where the file is the schema of one. */
function topicOf(file: string): string {
  return basename(file).replace(/(?:\.schema)?\.(?:json|ya?ml)$/i, '');
}
