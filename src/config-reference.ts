/** docs/reference/configuration.md, made from the declarations. */
import { OPTION_GROUPS } from './config-option.ts';
import {
  CONFIG_FILE,
  declarationOf,
  fileName,
  flagName,
  OPTION_KEYS,
  OUTBOX,
  PROFILES,
  variableName,
} from './config-options.ts';

const INTRODUCTION = `<!-- Written by \`npm run generate\` from src/config-options.ts. -->

# Configuration

Each option may be given in three ways. Where several give one, the first of these counts, and only that is looked at:

1. a flag of \`angarium serve\`: \`--port 9000\` or \`--port=9000\`;
2. an environment variable: \`ANGARIUM_PORT=9000\`;
3. the configuration file, YAML, which \`--config\` or \`ANGARIUM_CONFIG\` names: \`port: 9000\`.

Give secrets in the environment or the file: other users of the machine can read a process's flags. A list is
comma-separated; in the file it may also be a YAML list. Relative paths start at the working directory.

\`\`\`yaml
host: 0.0.0.0
public_url: https://events.example.com
trust_proxy: [10.0.0.0/8]
database_url: sqlite:/var/lib/angarium/angarium.db
retention_days: 30
\`\`\`

Bad options stop the start: all of them are said at once, each with what is wrong and what is right, and the exit code
is 2. So are unknown flags, unknown names in the file, and unknown variables that begin with \`ANGARIUM_\`.
\`angarium config check\` shows every option with its value and where that came from, and starts nothing.

**On trial.** While the host is loopback and neither \`public_url\` nor \`trust_proxy\` is given, deliveries to this
machine itself (127.0.0.0/8, ::1/128) are allowed, so that there is something to try it with. \`allowed_cidrs: none\`
ends that, and so does any other value.
`;

/** The whole file. */
export function configurationReference(): string {
  const groups = OPTION_GROUPS.map((group) => {
    const rows = OPTION_KEYS.filter((key) => declarationOf(key).group === group).map((key) =>
      row(fileName(key), declarationOf(key), `\`${fileName(key)}\`<br>`),
    );
    return table(group, rows);
  });
  const file = [
    row(CONFIG_FILE.name, CONFIG_FILE, ''),
    ...[PROFILES, OUTBOX].map(
      ({ name, description }) =>
        `| \`${name}\` (in the file alone) | none | ${description.replace(/docs\/guides\/([a-z]+\.md)/, '[guide](../guides/$1)')} |`,
    ),
  ];
  return [INTRODUCTION, table('Configuration file', file)].concat(groups).join('\n');
}

function table(title: string, rows: readonly string[]): string {
  return `## ${title}\n\n| option | default | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function row(
  name: string,
  option: { readonly description: string; readonly default: string },
  inFile: string,
): string {
  const names = `${inFile}\`${variableName(name)}\`<br>\`${flagName(name)}\``;
  return `| ${names} | ${option.default} | ${option.description} |`;
}
