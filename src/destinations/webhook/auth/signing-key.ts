/** The key by which a client proves itself to its token server: `private_key_jwt` (RFC 7523, 2.2). */
import type { KeyObject } from 'node:crypto';
import { parsePrivateKey } from '../../certificates.ts';
import type { AuthFields, TextRule } from './auth-fields.ts';

/** The names are those of RFC 7591, 2. */
export interface SigningKeyAuth {
  readonly token_endpoint_auth_method: 'private_key_jwt';
  /** PEM, PKCS #8. */
  readonly private_key: string;
  readonly token_endpoint_auth_signing_alg: SigningAlgorithm;
  /** `kid` of the assertion's header. */
  readonly key_id?: string;
}

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof ALGORITHMS)[number];

const MIN_RSA_BITS = 2048;

const ALGORITHM_OF_CURVE = new Map<string, SigningAlgorithm>([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
]);

const PRIVATE_KEY: TextRule = {
  pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  expected:
    'Write a private key in PEM, not encrypted: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519.',
};
const ALGORITHM: TextRule = {
  pattern: new RegExp(`^(?:${ALGORITHMS.join('|')})$`),
  expected: `It is one of ${ALGORITHMS.join(', ')}.`,
};
const KEY_ID: TextRule = {
  pattern: /^[\x21-\x7e]{1,512}$/,
  expected: 'A key id has 1 to 512 visible ASCII characters.',
};

export function checkSigningKey(fields: AuthFields): SigningKeyAuth {
  const text = fields.required('private_key', PRIVATE_KEY);
  const asked = fields.optional('token_endpoint_auth_signing_alg', ALGORITHM);
  const keyId = fields.optional('key_id', KEY_ID);
  const key = text === '' ? undefined : parsePrivateKey(text);
  const fit = key === undefined ? [] : algorithmsOf(key);
  if (text !== '' && fit.length === 0) fields.refuse('private_key', 'format', PRIVATE_KEY.expected);
  const algorithm = asked === undefined ? fit[0] : fit.find((each) => each === asked);
  if (fit.length > 0 && algorithm === undefined && asked !== '') {
    const message = `With this key it is one of ${fit.join(', ')}.`;
    fields.refuse('token_endpoint_auth_signing_alg', 'mismatch', message);
  }
  return {
    token_endpoint_auth_method: 'private_key_jwt',
    private_key: key?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? '',
    token_endpoint_auth_signing_alg: algorithm ?? 'RS256',
    ...(keyId === undefined ? {} : { key_id: keyId }),
  };
}

/** As WebCrypto wants it, for one algorithm. Throws where the key is of another kind. */
export function cryptoKey(privateKey: string, algorithm: SigningAlgorithm): CryptoKey {
  const key = parsePrivateKey(privateKey);
  if (key === undefined) throw new Error('the stored key is not valid');
  return key.toCryptoKey(webCryptoName(algorithm), false, ['sign']);
}

/** Those that the key can sign by; the first one is the default. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SigningAlgorithm[] {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'rsa') return modulusLength < MIN_RSA_BITS ? [] : ['RS256', 'PS256'];
  if (asymmetricKeyType === 'ed25519') return ['EdDSA'];
  const algorithm = asymmetricKeyType === 'ec' ? ALGORITHM_OF_CURVE.get(namedCurve) : undefined;
  return algorithm === undefined ? [] : [algorithm];
}

function webCryptoName(algorithm: SigningAlgorithm) {
  switch (algorithm) {
    case 'RS256':
      return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    case 'PS256':
      return { name: 'RSA-PSS', hash: 'SHA-256' };
    case 'ES256':
      return { name: 'ECDSA', namedCurve: 'P-256' };
    case 'ES384':
      return { name: 'ECDSA', namedCurve: 'P-384' };
    case 'ES512':
      return { name: 'ECDSA', namedCurve: 'P-521' };
    case 'EdDSA':
      return { name: 'Ed25519' };
  }
}
