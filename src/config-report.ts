/** What `angarium config check` shows: every option with its value and where that came from. */
import type { Config, OptionKey } from './config-options.ts';
import { declarationOf, fileName, OPTION_KEYS } from './config-options.ts';
import type { LoadedConfig } from './config.ts';
import { placeOf } from './domain/postgres-url.ts';
import type { Profile } from './domain/profile.ts';

const MASK = '********';

/** A line each, such as `port = 9000  (ANGARIUM_PORT)`; secrets are masked. */
export function describeConfig({
  config,
  sources,
  defined,
  outboxes,
}: LoadedConfig & { ok: true }): string {
  const width = Math.max(...OPTION_KEYS.map((key) => fileName(key).length));
  const lines = OPTION_KEYS.map((key) => {
    const { from, spelling } = sources[key];
    const place = from === 'default' ? 'default' : spelling;
    return `${fileName(key).padEnd(width)} = ${valueText(config, key)}  (${place})`;
  });
  const profiles = defined.map(
    ({ profile, position }) => `profiles.${profile.name}: ${inWords(profile)}  (${position})`,
  );
  const relayed = outboxes.map(
    ({ place: { name, url, schema }, position }) =>
      `outbox.${name}: ${placeOf(url)}, schema ${schema}  (${position})`,
  );
  return `${[...lines, ...profiles, ...relayed].join('\n')}\n`;
}

/** What an operator looks for first where a receiver refuses a message. */
function inWords({ payload, signature, retry, timeoutMs }: Profile): string {
  const signed =
    signature === null
      ? 'not signed'
      : `signed ${signature.signed} with HMAC-${signature.algorithm.toUpperCase()} in ${signature.header}`;
  return `payload ${payload}, ${signed}, ${retry.delaysMs.length + 1} attempts of ${timeoutMs} ms`;
}

function valueText(config: Config, key: OptionKey): string {
  const option = declarationOf(key);
  const value = config[key];
  if (option.secret) return value === null ? option.default : MASK;
  return option.format === undefined ? `${value as string | number}` : option.format(value);
}
