/** `angarium outbox install|uninstall`: the outbox in an application's own database. */
import { parseArgs } from 'node:util';
import type { Environment } from '../config-given.ts';
import { parseOutboxUrls } from '../config-outbox.ts';
import { OUTBOX_SCHEMA } from '../domain/outbox.ts';
import { placeOf } from '../domain/postgres-url.ts';
import type { Installed, Target } from '../outbox/install.ts';
import { CallError } from './api-client.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

interface OutboxCommand {
  readonly target: Target;
  /** Whether commits are to notify. */
  readonly notify: boolean;
  /** Drop it with the events in it. */
  readonly force: boolean;
}

const PUBLISH_PARAMETERS = ['text', 'json', 'jsonb'].map(
  (data) =>
    `text, text, ${data}, text, jsonb, text, timestamptz, boolean, timestamptz, text, jsonb`,
);

/** The URL of `--url`, or of `ANGARIUM_OUTBOX_URL`. Throws `CommandUsageError`. */
function parseOutboxCommand(
  kind: 'outbox_install' | 'outbox_uninstall',
  argv: readonly string[],
  env: Environment,
): OutboxCommand {
  const { values } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      options: {
        url: { type: 'string' },
        schema: { type: 'string' },
        notify: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
      },
    }),
  );
  const { notify, force } = values;
  if (notify && kind !== 'outbox_install')
    throw new CommandUsageError('--notify: it is for angarium outbox install');
  if (force && kind !== 'outbox_uninstall')
    throw new CommandUsageError('--force: it is for angarium outbox uninstall');
  const spelling = values.url === undefined ? 'ANGARIUM_OUTBOX_URL' : '--url';
  const written = values.url ?? env['ANGARIUM_OUTBOX_URL'];
  if (written === undefined || written === 'none') {
    throw new CommandUsageError(
      '--url: name the application’s database, postgres://USER:PASSWORD@HOST:PORT/DATABASE; or give it as ANGARIUM_OUTBOX_URL, which other users of the machine cannot read',
    );
  }
  const parsed = parseOutboxUrls(written);
  if (!parsed.ok) throw new CommandUsageError(`${spelling}: ${parsed.errors.join('; ')}`);
  const [place, another] = parsed.value ?? [];
  if (place === undefined || another !== undefined)
    throw new CommandUsageError(`${spelling}: name one database, with --url`);
  const { schema = place.schema } = values;
  if (!OUTBOX_SCHEMA.test(schema)) {
    throw new CommandUsageError(
      '--schema: a schema’s name is 1 to 63 of the characters a-z, 0-9 and _, no digit first',
    );
  }
  return { target: { url: place.url, schema }, notify, force };
}

/** Gives what to say. Rejects with `CommandUsageError` or `CallError`. */
export async function runOutboxCommand(
  kind: 'outbox_install' | 'outbox_uninstall',
  argv: readonly string[],
  env: Environment,
): Promise<string> {
  const { target, notify, force } = parseOutboxCommand(kind, argv, env);
  // Loaded here alone: other commands need no PostgreSQL.
  const { installOutbox, OutboxError, uninstallOutbox } = await import('../outbox/install.ts');
  try {
    if (kind === 'outbox_install')
      return installedMessage(target, notify, await installOutbox(target, notify));
    const was = await uninstallOutbox(target, force);
    return was
      ? `The outbox is gone. The schema ${target.schema} stays: DROP SCHEMA "${target.schema}"; removes it, where nothing else is in it.\n`
      : `There is no outbox in the schema ${target.schema}.\n`;
  } catch (error) {
    if (error instanceof OutboxError) throw new CallError(error.message, { cause: error });
    throw error;
  }
}

function installedMessage(
  { url, schema }: Target,
  notify: boolean,
  { from, version, owner }: Installed,
): string {
  const done =
    from === version
      ? `was there already, at version ${version}`
      : from === 0
        ? `is installed, version ${version}`
        : `was brought from version ${from} to ${version}`;
  const name = (object: string) => `"${schema}".${object}`;
  const lines = [
    `The outbox in the schema ${schema} of ${placeOf(url)} ${done}. It belongs to the role ${owner}; commits notify: ${notify ? 'yes' : 'no'}.`,
    '',
    'Your application’s role needs these, unless it is that one (put its name for my_app):',
    '',
    `  GRANT USAGE ON SCHEMA "${schema}" TO my_app;`,
    ...PUBLISH_PARAMETERS.map(
      (parameters) =>
        `  GRANT EXECUTE ON FUNCTION ${name('angarium_publish')}(${parameters}) TO my_app;`,
    ),
    '',
    'The role that Angarium connects with needs these, unless it is that one:',
    '',
    `  GRANT USAGE ON SCHEMA "${schema}" TO my_relay;`,
    `  GRANT SELECT, DELETE ON ${name('angarium_outbox')} TO my_relay;`,
    `  GRANT SELECT ON SEQUENCE ${name('angarium_outbox_position_seq')} TO my_relay;`,
    `  GRANT INSERT ON ${name('angarium_outbox_failed')} TO my_relay;`,
    `  GRANT SELECT, UPDATE (relay, relay_until) ON ${name('angarium_outbox_state')} TO my_relay;`,
    '',
    'Publish in a transaction of yours:',
    '',
    `  SELECT ${name('angarium_publish')}('TENANT', 'TOPIC', '{"some": "data"}');`,
    '',
    `Angarium relays it when ANGARIUM_OUTBOX_URL names this database${schema === 'angarium' ? '' : ` with ?schema=${schema}`}.`,
  ];
  return `${lines.join('\n')}\n`;
}
