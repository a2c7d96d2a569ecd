/** What a webhook destination may be, checked when it is written. */
import {
  describeSecretFormat,
  generateSigningSecret,
  signingKey,
} from '../../domain/signing-secret.ts';
import type { CheckedDestination, DestinationInput, FieldProblem } from '../destination-type.ts';
import { parseTargetUrl } from '../url.ts';
import { parseCustomHeaders } from './custom-headers.ts';
import type { WebhookOptions } from './options.ts';

const CONFIG_FIELDS = ['url', 'custom_headers'];
const CREDENTIAL_FIELDS = ['secret'];

export function checkWebhook(
  { config, credentials, profile }: DestinationInput,
  { guard, random }: WebhookOptions,
): CheckedDestination {
  const problems: FieldProblem[] = [
    ...unknownFields('/config', config, CONFIG_FIELDS),
    ...unknownFields('/credentials', credentials, CREDENTIAL_FIELDS),
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

  const headers = parseCustomHeaders(config['custom_headers']);
  if (!headers.ok) problems.push(...headers.problems);

  const { secret = generateSigningSecret(profile.secret, random) } = credentials;
  if (typeof secret !== 'string' || signingKey(secret, profile.secret) === undefined) {
    problems.push({
      pointer: '/credentials/secret',
      code: 'secret_format',
      message: `A signing secret of the profile ${profile.name} is ${describeSecretFormat(profile.secret)}; leave it out and one is generated.`,
    });
  }

  if (problems.length > 0 || !headers.ok || typeof secret !== 'string')
    return { ok: false, problems };
  return {
    ok: true,
    config: headers.json === null ? { url } : { url, custom_headers: headers.json },
    credentials: { secret },
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
