/** `angarium keys create|list|revoke`: keys of the operator, through the API of a running server. */
import { parseArgs } from 'node:util';
import { KEY_SCOPES } from '../domain/caller.ts';
import type { ApiClient } from './api-client.ts';
import { CommandUsageError, usageErrors } from './usage-error.ts';

export type KeysCommand =
  | {
      readonly kind: 'create';
      readonly name: string;
      readonly scope: string;
      readonly expiresAt: string | undefined;
    }
  | { readonly kind: 'list' }
  | { readonly kind: 'revoke'; readonly ids: readonly string[] };

/** Throws `CommandUsageError`. */
export function parseKeysCreate(argv: readonly string[]): KeysCommand {
  const { values } = usageErrors(() =>
    parseArgs({
      args: [...argv],
      options: {
        name: { type: 'string' },
        scope: { type: 'string' },
        'expires-at': { type: 'string' },
      },
    }),
  );
  const { name, scope } = values;
  if (name === undefined) throw new CommandUsageError('--name: say what the key is for');
  if (!KEY_SCOPES.some((each) => each === scope) || scope === undefined)
    throw new CommandUsageError(`--scope: write one of ${KEY_SCOPES.join(', ')}`);
  return { kind: 'create', name, scope, expiresAt: values['expires-at'] };
}

/** Throws `CommandUsageError`. */
export function parseKeysList(argv: readonly string[]): KeysCommand {
  usageErrors(() => parseArgs({ args: [...argv], options: {} }));
  return { kind: 'list' };
}

/** Throws `CommandUsageError`. */
export function parseKeysRevoke(argv: readonly string[]): KeysCommand {
  const { positionals } = usageErrors(() =>
    parseArgs({ args: [...argv], options: {}, allowPositionals: true }),
  );
  if (positionals.length === 0)
    throw new CommandUsageError(
      'name one or more keys by their ids, as angarium keys list shows them',
    );
  return { kind: 'revoke', ids: positionals };
}

/** Gives what to say. */
export async function manageKeys(command: KeysCommand, client: ApiClient): Promise<string> {
  switch (command.kind) {
    case 'create': {
      const { name, scope, expiresAt } = command;
      const body = { name, scope, ...(expiresAt === undefined ? {} : { expires_at: expiresAt }) };
      return created(JSON.parse(await client.call('POST', '/keys', body)) as CreatedKey);
    }
    case 'list':
      return listed(await allKeys(client));
    case 'revoke':
      for (const id of command.ids) await client.call('DELETE', `/keys/${encodeURIComponent(id)}`);
      return command.ids.map((id) => `revoked  ${id}\n`).join('');
  }
}

/** Of the shape of `KeySchema`, as far as it is used here. */
interface Key {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly prefix: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
}

interface CreatedKey extends Key {
  readonly token: string;
}

interface KeyPage {
  readonly models: readonly Key[];
  readonly pagination: { readonly next: string | null };
}

async function allKeys(client: ApiClient): Promise<Key[]> {
  const keys: Key[] = [];
  for (let query = ''; ;) {
    const page = JSON.parse(await client.call('GET', `/keys${query}`)) as KeyPage;
    keys.push(...page.models);
    if (page.pagination.next === null) return keys;
    query = `?next=${encodeURIComponent(page.pagination.next)}`;
  }
}

function created({ id, scope, expires_at: expiresAt, token }: CreatedKey): string {
  const end = expiresAt === null ? 'It does not expire.' : `It expires at ${expiresAt}.`;
  return `Key ${id} of scope ${scope}. ${end} Its token is shown only now:\n\n    ${token}\n\n`;
}

function listed(keys: readonly Key[]): string {
  if (keys.length === 0) return 'There are no keys besides ANGARIUM_API_KEY.\n';
  const rows = [
    ['ID', 'TOKEN', 'SCOPE', 'EXPIRES', 'LAST USED', 'NAME'],
    ...keys.map((key) => [
      key.id,
      `${key.prefix}…`,
      key.scope,
      key.revoked_at === null ? (key.expires_at ?? 'never') : 'revoked',
      key.last_used_at ?? 'never',
      // Whatever somebody has put into a name, it does nothing to the terminal.
      key.name.replaceAll(/\p{Cc}/gu, '?'),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '),
  );
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
