/** What a webhook destination may be, checked when it is written. */
import { messageFormat } from '../../domain/message-format.ts';
import type { CheckedDestination, DestinationInput, FieldProblem } from '../destination-type.ts';
import { parseTargetUrl } from '../url.ts';
import { parseCustomHeaders } from './custom-headers.ts';
import type { WebhookOptions } from './options.ts';
import { checkSecrets, SECRET_FIELDS } from './secrets.ts';

const CONFIG_FIELDS = ['url', 'custom_headers'];

export function checkWebhook(
  { config, credentials, current, profile, nowMs }: DestinationInput,
  { guard, random }: WebhookOptions,
): CheckedDestination {
  const problems: FieldProblem[] = [
    ...unknownFields('/config', config, CONFIG_FIELDS),
    ...unknownFields('/credentials', credentials, SECRET_FIELDS),
  ];

  let url = '';
  if (typeof config['url'] !== 'string') {
    const code = config['url'] === undefined ? 'required' : 'type';
    problems.push({
      pointer: '/config/url',
      code,
      message: 'The URL to deliver to is required, as a string.',
    });
  } else {
    const parsed = parseTargetUrl(config['url'], guard);
    if (parsed.ok) url = parsed.url;
    else problems.push({ pointer: '/config/url', code: parsed.code, message: parsed.message });
  }

  const { headerNames } = messageFormat(profile);
  const headers = parseCustomHeaders(config['custom_headers'], (name) => headerNames.has(name));
  if (!headers.ok) problems.push(...headers.problems);

  const secrets = checkSecrets(credentials, current, { profile, random, nowMs }, problems);

  if (problems.length > 0 || !headers.ok) return { ok: false, problems };
  return {
    ok: true,
    config: headers.json === null ? { url } : { url, custom_headers: headers.json },
    credentials: secrets,
  };
}

function unknownFields(
  parent: string,
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
): FieldProblem[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      pointer: `${parent}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      code: 'unknown_field',
      message: `A webhook destination has no such field; it has ${known.join(', ')}.`,
    }));
}
