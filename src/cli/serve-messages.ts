/** What `angarium serve` says on the standard output; secrets only where they were made just now. */
import type { Config } from '../config-options.ts';
import { formatDatabaseUrl } from '../config-values.ts';
import type { ResolvedKeys } from './key-file.ts';

export interface StartFacts {
  readonly version: string;
  /** Where it listens, with the port that it got. */
  readonly url: string;
  readonly config: Config;
  readonly onTrial: boolean;
  readonly keys: ResolvedKeys;
  readonly startedInMs: number;
}

export function startMessage({
  version,
  url,
  config,
  onTrial,
  keys,
  startedInMs,
}: StartFacts): string {
  const lines = [
    `Angarium ${version} is ready at ${url} (${(startedInMs / 1000).toFixed(2)} s)`,
    '',
    `  API       ${url}/api/v1`,
    `  Docs      ${url}/docs`,
    `  Database  ${formatDatabaseUrl(config.databaseUrl)}`,
    ...newKeyLines(keys),
  ];
  if (onTrial) {
    lines.push(
      '',
      `  On trial: destinations may be on this machine (${config.allowedCidrs.join(', ')}), by plain http too.`,
      '  ANGARIUM_ALLOWED_CIDRS=none ends that; so does a public host or ANGARIUM_PUBLIC_URL.',
    );
  }
  for (const warning of keys.warnings) lines.push('', `  Warning: ${warning}`);
  return `${lines.join('\n')}\n`;
}

/** The part of it that is never said again, for a start that failed after it made keys; empty where it made none. */
export function newKeysMessage(keys: ResolvedKeys): string {
  const lines = newKeyLines(keys);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n\n`;
}

function newKeyLines({ apiKey, generated }: ResolvedKeys): string[] {
  const { apiKeyFile, encryptionKeyFile } = generated;
  const lines: string[] = [];
  if (apiKeyFile !== undefined) {
    lines.push(
      '',
      `  The operator’s key, shown only now and kept in ${apiKeyFile}:`,
      '',
      `      ${apiKey}`,
    );
  }
  if (encryptionKeyFile !== undefined) {
    lines.push(
      '',
      `  The key that seals stored secrets is in ${encryptionKeyFile}: back it up with the database.`,
    );
  }
  return lines;
}

export function problemsMessage(problems: readonly string[]): string {
  const head =
    problems.length === 1 ? 'One option is wrong:' : `${problems.length} options are wrong:`;
  return `angarium: ${head}\n${problems.map((problem) => `  ${problem}`).join('\n')}\nangarium serve --help explains them.\n`;
}
