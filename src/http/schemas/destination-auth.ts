/** How a destination authenticates towards its receiver, as the API takes and shows it. */
import type { JsonSchema } from './json-schema.ts';
import { arrayOf, closedObject, object, oneOf, optional, record, string } from './json-schema.ts';

const METHODS = ['none', 'basic', 'digest', 'bearer', 'oauth2', 'mtls', 'header'];

/** Which of them a method has, requires and takes, its destination type says: with all that is wrong at once. */
const MEMBERS: Readonly<Record<string, JsonSchema>> = {
  username: string({ description: 'basic, digest' }),
  password: string({ description: 'basic, digest; secret' }),
  token: string({ description: 'bearer; secret' }),
  token_url: string({ description: 'oauth2' }),
  client_id: string({ description: 'oauth2' }),
  token_endpoint_auth_method: oneOf(
    ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    {
      description:
        'oauth2; `private_key_jwt` by default where there is a `private_key`, else `client_secret_basic`.',
    },
  ),
  client_secret: string({ description: 'oauth2; secret' }),
  private_key: string({ description: 'oauth2; PEM; secret' }),
  token_endpoint_auth_signing_alg: oneOf(['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'], {
    description: 'oauth2; by default what fits the key.',
  }),
  key_id: string({ description: 'oauth2' }),
  scope: string({ description: 'oauth2' }),
  audience: string({ description: 'oauth2' }),
  certificate: string({ description: 'mtls; PEM, with its intermediate ones after it.' }),
  key: string({ description: 'mtls; PEM; secret' }),
  ca: string({ description: 'mtls; PEM: trusted instead of the public authorities.' }),
  headers: record(string(), { description: 'header; the values are secret.' }),
};

const optionalMembers = Object.fromEntries(
  Object.entries(MEMBERS).map(([name, schema]) => [name, optional(schema)]),
);

export const Auth = closedObject(
  { method: oneOf(METHODS), ...optionalMembers },
  {
    description:
      'Replaces what was there; a secret that comes back as the mask stays. `null` or the method `none`: no authentication.',
  },
);

export const ShownAuth = object(
  { method: string(), ...optionalMembers },
  { description: 'Secrets are masked.' },
);

export const Warnings = arrayOf(object({ pointer: string(), code: string(), message: string() }), {
  description: 'What is good now and will not be for long, such as a certificate.',
});
