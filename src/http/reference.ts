/** What is written down of the API: `openapi.json`, and the table of errors. Both are made by `npm run generate`. */
import { MailLinks } from '../domain/mail-link.ts';
import type { Access } from '../engine/access.ts';
import type { Engine } from '../engine/engine.ts';
import type { Grant } from '../domain/caller.ts';
import { API_ERRORS } from './errors.ts';
import { PERMISSIONS } from './permissions.ts';
import type { Permission } from './permissions.ts';
import { buildServer } from './server.ts';
import type { TenantTokens } from './tenant-token.ts';

/** Routes take their parts out of the engine when they are added, and use them to answer: here nobody asks. */
const NO_ENGINE = {} as Engine;
const NO_ACCESS = {} as Access;
const NO_TOKENS = {} as TenantTokens;
const NO_LINKS = new MailLinks([]);

/** The OpenAPI document, as `/openapi.json` gives it where no option was set. */
export async function openapiReference(version: string): Promise<string> {
  const server = await buildServer({
    engine: NO_ENGINE,
    access: NO_ACCESS,
    apiKey: '',
    tokens: NO_TOKENS,
    mailLinks: NO_LINKS,
    version,
    publicUrl: 'http://127.0.0.1:8080',
    publicKeys: [],
    trustProxy: [],
    limits: {
      maxPayloadBytes: 1,
      maxBatchBytes: 1,
      maxDestinationsPerTenant: 1,
      maxPublishPerMinute: null,
      retentionDays: 1,
    },
    log: { requestFailed: () => {}, signInsRefused: () => {} },
    metrics: { contentType: '', text: () => '' },
  });
  await server.ready();
  const document = server.swagger();
  await server.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** `docs/reference/errors.md`. */
export function errorsReference(): string {
  const rows = Object.entries(API_ERRORS)
    .toSorted(([, left], [, right]) => left.status - right.status)
    .map(([code, { status, meaning }]) => `| ${status} | \`${code}\` | ${meaning} |`);
  return [
    '<!-- Written by `npm run generate` from src/http/errors.ts. -->',
    '',
    '# Errors',
    '',
    'Every answer with an error is `{status, code, message, data, errors, request_id}`: `code` is one of this table,',
    '`message` says what happened, `errors` names each wrong field with a JSON pointer (`?name` for a query parameter),',
    '`data` has the same as sentences, and `request_id` is what to search for in the logs. New codes may be added; those',
    'that are here keep their meaning.',
    '',
    '| status | code | when, and what to do |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

const GRANTS: readonly (readonly [Grant, string])[] = [
  ['operator:admin', 'key: admin'],
  ['operator:publish', 'key: publish'],
  ['operator:read', 'key: read'],
  ['tenant:admin', 'tenant: admin'],
  ['tenant:viewer', 'tenant: viewer'],
];

/** `docs/reference/permissions.md`. */
export function permissionsReference(): string {
  const lines = Object.entries<Permission>(PERMISSIONS).map(([operation, { who, audit }]) => {
    const may = GRANTS.map(([grant]) => (who === 'anyone' || who.includes(grant) ? 'yes' : ''));
    const actions = audit.map((action) => `\`${action}\``).join(', ');
    return `| \`${operation}\` | ${[...may, who === 'anyone' ? 'yes' : '', actions].join(' | ')} |`;
  });
  return [
    '<!-- Written by `npm run generate` from src/http/permissions.ts. -->',
    '',
    '# Who may do what',
    '',
    'What is not granted is 403. A tenant’s token reaches its own tenant alone: another’s is 404. The last column is what a',
    'change leaves in the [audit log](../operations/audit.md).',
    '',
    `| operation | ${GRANTS.map(([, name]) => name).join(' | ')} | without | audit |`,
    `| --- | ${GRANTS.map(() => '---').join(' | ')} | --- | --- |`,
    ...lines,
    '',
  ].join('\n');
}
