/** What is written down of the API beside `openapi.json`: errors, and who may do what. Made by `npm run generate`. */
import type { Grant } from '../domain/caller.ts';
import { API_ERRORS } from './errors.ts';
import { PERMISSIONS } from './permissions.ts';
import type { Permission } from './permissions.ts';

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
