/**
 * Digest (RFC 7616): the receiver asks with a nonce, the answer proves that both know the password.
 *
 * A challenge is kept and answered in advance from then on, so only the first message goes out twice. Each request counts
 * on the nonce that it uses. A receiver that wants another nonce (stale, restarted) asks again; that question is answered
 * at once, within the same attempt, with the very nonce of the question: so what other messages do at the same moment is
 * of no concern.
 */
import { parseHeaderLines } from '../../../domain/attempt.ts';
import type { AttemptResponse } from '../../../domain/attempt.ts';
import type { Random } from '../../../domain/id.ts';
import type { AuthFields } from './auth-fields.ts';
import type { Authenticator, Authorization, AuthorizedRequest } from './authenticator.ts';
import { authenticationInfo, digestChallenge } from './challenge.ts';
import type { DigestChallenge } from './challenge.ts';
import { digestAuthorization } from './digest-response.ts';
import { checkNameAndPassword } from './name-and-password.ts';
import type { NameAndPassword } from './name-and-password.ts';

export interface DigestAuth extends NameAndPassword {
  readonly method: 'digest';
}

const CNONCE_BYTES = 16;

export function checkDigest(fields: AuthFields): DigestAuth {
  return { method: 'digest', ...checkNameAndPassword(fields) };
}

/** A nonce of the receiver's, and how often it was used. */
interface Session {
  readonly challenge: DigestChallenge;
  readonly cnonce: string;
  count: number;
}

export class DigestAuthenticator implements Authenticator {
  readonly #user: NameAndPassword;
  readonly #random: Random;
  #session: Session | null = null;

  constructor(user: NameAndPassword, random: Random) {
    this.#user = user;
    this.#random = random;
  }

  authorize(request: AuthorizedRequest): Authorization {
    const session = this.#session;
    return {
      kind: 'ready',
      value: session === null ? null : this.#answer(session, request),
      answered: (response) => this.#answered(session, response),
    };
  }

  #answer(session: Session, request: AuthorizedRequest): string {
    session.count++;
    const { challenge, cnonce, count } = session;
    return digestAuthorization({ challenge, user: this.#user, cnonce, count }, request);
  }

  /** `session`: the one that the request used. */
  #answered(session: Session | null, { status, headers }: AttemptResponse): boolean {
    if (status === 401) {
      const challenge = digestChallenge(valuesOf(headers, 'www-authenticate'));
      this.#session = challenge === undefined ? null : this.#open(challenge);
      return challenge !== undefined;
    }
    if (session === null) return false;
    const [info = ''] = valuesOf(headers, 'authentication-info');
    const nonce = authenticationInfo(info).get('nextnonce');
    if (nonce !== undefined && nonce !== session.challenge.nonce)
      this.#session = this.#open({ ...session.challenge, nonce });
    return false;
  }

  /** One client nonce for all requests: the key of the `-sess` forms is made with the first one's. */
  #open(challenge: DigestChallenge): Session {
    const cnonce = Buffer.from(this.#random.bytes(CNONCE_BYTES)).toString('hex');
    return { challenge, cnonce, count: 0 };
  }
}

function valuesOf(headers: string, name: string): string[] {
  return parseHeaderLines(headers)
    .filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value);
}
