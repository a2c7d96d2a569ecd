/** `angarium topics export --format FORMAT [--out FILE]`: the catalogue of a running server. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EXPORT_FORMATS } from '../catalogue/export-catalogue.ts';
import type { ExportFormat } from '../catalogue/export-catalogue.ts';
import type { ApiClient } from './api-client.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

export interface TopicsExport {
  readonly format: ExportFormat;
  readonly profile: string | undefined;
  /** Where to; to the standard output without it. */
  readonly out: string | undefined;
}

/** Throws `CommandUsageError`. */
export function parseTopicsExport(argv: readonly string[]): TopicsExport {
  const { values } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      options: {
        format: { type: 'string', default: 'json-schema' },
        profile: { type: 'string' },
        out: { type: 'string' },
      },
    }),
  );
  const format = EXPORT_FORMATS.find((each) => each === values.format);
  if (format === undefined)
    throw new CommandUsageError(`--format: write one of ${EXPORT_FORMATS.join(', ')}`);
  return { format, profile: values.profile, out: values.out };
}

/** Gives what to say: the export itself, or nothing where it went to a file. */
export async function exportTopics(
  { format, profile, out }: TopicsExport,
  client: ApiClient,
): Promise<string> {
  const query = new URLSearchParams({ format, ...(profile === undefined ? {} : { profile }) });
  const text = await client.call('GET', `/catalogue/export?${query.toString()}`);
  if (out === undefined) return text;
  await writeFile(out, text).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandUsageError(`--out: ${out} cannot be written: ${reason}`);
  });
  return '';
}
