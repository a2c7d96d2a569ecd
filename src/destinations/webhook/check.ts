/** What a webhook destination may be, checked when it is written. */
import { signingKey } from '../../domain/signing-secret.ts';
import { messageFormat } from '../../domain/message-format.ts';
import type { CheckedDestination, DestinationInput, FieldProblem } from '../destination-type.ts';
import { parseTargetUrl } from '../url.ts';
import { authHeaderNames, checkAuth } from './auth/check-auth.ts';
import { storedAuth } from './auth/webhook-auth.ts';
import { certificatesPem, EXPECTED_CERTIFICATES, parseCertificates } from '../certificates.ts';
import { parseCustomHeaders } from './custom-headers.ts';
import { checkHandshake, HANDSHAKE_FIELDS } from './handshake-fields.ts';
import { headerClaims, takenHeaders } from './header-claims.ts';
import type { WebhookOptions } from './options.ts';
import { checkSecrets, SECRET_FIELDS } from './secrets.ts';

const CONFIG_FIELDS = ['url', 'custom_headers', 'ca', ...HANDSHAKE_FIELDS];

export function checkWebhook(
  {
    config,
    credentials,
    current,
    auth: givenAuth,
    currentAuth,
    profile,
    httpSignature,
    nowMs,
  }: DestinationInput,
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

  const format = messageFormat(profile);
  const isTaken = takenHeaders(format, httpSignature);
  const auth = checkAuth(givenAuth, storedAuth(currentAuth), { guard, nowMs, isTaken }, problems);
  const claims = headerClaims(format, httpSignature, authHeaderNames(auth));
  const headers = parseCustomHeaders(config['custom_headers'], claims);
  if (!headers.ok) problems.push(...headers.problems);

  const ca = checkCa(config['ca'], problems);
  if (ca !== undefined && auth?.method === 'mtls' && auth.ca !== undefined) {
    const message = 'There is an authority in `config.ca` already: give one of the two.';
    problems.push({ pointer: '/auth/ca', code: 'conflict', message });
  }

  const secrets = checkSecrets(credentials, current, { profile, random, nowMs }, problems);
  if (
    httpSignature?.algorithm === 'hmac-sha256' &&
    signingKey(secrets['secret'] ?? '', profile.secret)?.kind === 'ed25519'
  ) {
    problems.push({
      pointer: '/http_signature/algorithm',
      code: 'conflict',
      message: 'The signing secret is an ed25519 key, which makes no HMAC: take another secret.',
    });
  }
  const handshake = checkHandshake(config, problems);

  if (problems.length > 0 || !headers.ok) return { ok: false, problems };
  return {
    ok: true,
    config: {
      url,
      ...(headers.json === null ? {} : { custom_headers: headers.json }),
      ...handshake,
      ...(ca === undefined ? {} : { ca }),
    },
    credentials: secrets,
    auth: auth === null ? null : { ...auth },
  };
}

/** The authorities that the receiver is verified by, instead of the public ones. */
function checkCa(given: unknown, problems: FieldProblem[]): string | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  const certificates = typeof given === 'string' ? parseCertificates(given) : undefined;
  if (certificates !== undefined) return certificatesPem(certificates);
  const code = typeof given === 'string' ? 'format' : 'type';
  problems.push({ pointer: '/config/ca', code, message: EXPECTED_CERTIFICATES });
  return undefined;
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
