/** The headers that a profile gives a message, and its signature; made ready once a profile. */
import { createHmac, sign } from 'node:crypto';
import { headerRoles } from './header-roles.ts';
import type { HeaderRole } from './header-roles.ts';
import type { Profile, SignatureScheme } from './profile.ts';
import type { SigningKey } from './signing-secret.ts';
import { parseTemplate, splitAt, TemplateError } from './template.ts';
import type { MessageValues } from './template.ts';

export interface MessageFormat {
  /** Of all headers that say what the message is, by lower-case name. */
  readonly roles: ReadonlyMap<string, HeaderRole>;
  /**
   * The headers of one attempt, as a flat list of names and values. With several keys (rotation) there is a signature
   * of each, in their order.
   */
  headers(values: MessageValues, body: Uint8Array, keys: readonly SigningKey[]): string[];
}

const formats = new WeakMap<Profile, MessageFormat>();

/** Throws `TemplateError` where a template of the profile is wrong. */
export function messageFormat(profile: Profile): MessageFormat {
  let format = formats.get(profile);
  if (format === undefined) {
    format = createFormat(profile);
    formats.set(profile, format);
  }
  return format;
}

function createFormat(profile: Profile): MessageFormat {
  const { headers, signature } = profile;
  const named = headers.map(([name, text]) => ({ name, template: parseTemplate(text) }));
  const signed = signature === null ? null : createSigner(signature);
  return {
    roles: headerRoles(profile),
    headers(values, body, keys) {
      const list: string[] = [];
      for (const { name, template } of named) {
        const value = template(values);
        // What has no value for this message does not go along.
        if (value !== '') list.push(name, value);
      }
      if (signature !== null && signed !== null)
        list.push(signature.header, signed(values, body, keys));
      return list;
    },
  };
}

type Signer = (values: MessageValues, body: Uint8Array, keys: readonly SigningKey[]) => string;

function createSigner(scheme: SignatureScheme): Signer {
  const [head, tail] = splitAt('body', scheme.signed).map(parseTemplate);
  if (head === undefined || tail === undefined) throw new TemplateError('it has no text to sign');
  const hasTail = !scheme.signed.endsWith('{body}');
  const hasHead = !scheme.signed.startsWith('{body}');
  const [eachHead, eachTail] = splitAt('signature', scheme.each);
  const ed25519 = scheme.eachEd25519 === null ? null : splitAt('signature', scheme.eachEd25519);
  const [valueHead, valueTail] = splitAt('signatures', scheme.value).map(parseTemplate);

  return (values, body, keys) => {
    const before = hasHead ? head(values) : '';
    const after = hasTail ? tail(values) : '';
    const signatures = keys.map((key) => {
      if (key.kind === 'hmac')
        return `${eachHead}${hmac(key.bytes, before, body, after)}${eachTail}`;
      if (ed25519 === null) throw new TypeError('the profile has no signatures by ed25519');
      const text = Buffer.concat([Buffer.from(before), body, Buffer.from(after)]);
      return `${ed25519[0]}${sign(null, text, key.key).toString('base64')}${ed25519[1]}`;
    });
    return `${valueHead?.(values) ?? ''}${signatures.join(scheme.separator)}${valueTail?.(values) ?? ''}`;
  };

  function hmac(key: Uint8Array, before: string, body: Uint8Array, after: string): string {
    const mac = createHmac(scheme.algorithm, key);
    if (before !== '') mac.update(before);
    mac.update(body);
    if (after !== '') mac.update(after);
    return mac.digest(scheme.encoding);
  }
}
