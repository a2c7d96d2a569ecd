/**
 * A receiver that demands Digest, written from RFC 7616 alone: it counts each nonce's uses, refuses one that comes twice,
 * and gives up a nonce after so many uses.
 */
import { createHash } from 'node:crypto';
import { answerText, startRawReceiver, type RawReceiver, type RawRequest } from './raw-receiver.ts';

export interface DigestRules {
  readonly username: string;
  readonly password: string;
  /** As in a challenge; `null`: not said. */
  readonly algorithm?: string | null;
  /** As in a challenge; `null`: the form without. */
  readonly qop?: string | null;
  readonly userhash?: boolean;
  /** Requests that one nonce is good for. */
  readonly usesOfNonce?: number;
  /** Gives the next nonce with each answer. */
  readonly nextNonce?: boolean;
}

export interface DigestReceiver extends RawReceiver {
  /** Requests that were let in. */
  readonly accepted: readonly RawRequest[];
  /** Forgets all nonces, without a word of `stale`: as a restart does. */
  restart(): void;
}

const REALM = 'tests';
const HASHES = new Map([
  ['MD5', 'md5'],
  ['SHA-256', 'sha256'],
  ['SHA-512-256', 'sha512-256'],
]);

export async function startDigestReceiver(rules: DigestRules): Promise<DigestReceiver> {
  const { algorithm = 'MD5', qop = 'auth', userhash = false, usesOfNonce = Infinity } = rules;
  const nonces = new Map<string, { uses: number; readonly counts: Set<string> }>();
  const accepted: RawRequest[] = [];
  let made = 0;

  const newNonce = () => {
    const nonce = `n${++made}`;
    nonces.set(nonce, { uses: 0, counts: new Set() });
    return nonce;
  };
  const challenge = (stale: boolean) =>
    [
      `Digest realm="${REALM}", nonce="${newNonce()}", opaque="op\\"aque"`,
      ...(algorithm === null ? [] : [`algorithm=${algorithm}`]),
      ...(qop === null ? [] : [`qop="${qop}"`]),
      ...(userhash ? ['userhash=true'] : []),
      ...(stale ? ['stale=TRUE'] : []),
    ].join(', ');

  const receiver = await startRawReceiver((request) => {
    const given = membersOf(request);
    const verdict = given === null ? 'missing' : judge(given, request);
    if (verdict === 'good') {
      accepted.push(request);
      const next =
        rules.nextNonce === true ? [`Authentication-Info: nextnonce="${newNonce()}"`] : [];
      request.socket.write(answerText('200 OK', next));
    } else {
      const header = `WWW-Authenticate: Basic realm="other", ${challenge(verdict === 'stale')}`;
      request.socket.write(answerText('401 Unauthorized', [header]));
    }
  });
  return Object.assign(receiver, { accepted, restart: () => nonces.clear() });

  function judge(given: ReadonlyMap<string, string>, { line, body }: RawRequest) {
    const nonce = nonces.get(given.get('nonce') ?? '');
    if (nonce === undefined || nonce.uses >= usesOfNonce) return 'stale';
    const [method = '', uri = ''] = line.split(' ');
    const [hashName = '', session] = (algorithm ?? 'MD5').split(/(?=-sess$)/);
    const h = (text: string | Buffer) =>
      createHash(HASHES.get(hashName) ?? '')
        .update(text)
        .digest('hex');

    let a1 = `${rules.username}:${REALM}:${rules.password}`;
    if (session !== undefined) a1 = `${h(a1)}:${given.get('nonce')}:${given.get('cnonce')}`;
    const used = given.get('qop');
    const a2 = used === 'auth-int' ? `${method}:${uri}:${h(body)}` : `${method}:${uri}`;
    const between = used === undefined ? [] : [given.get('nc'), given.get('cnonce'), used];
    const expected = h([h(a1), given.get('nonce'), ...between, h(a2)].join(':'));
    const name = userhash ? h(`${rules.username}:${REALM}`) : rules.username;

    const counts = given.get('nc') ?? String(nonce.uses);
    if (nonce.counts.has(counts)) return 'replayed';
    nonce.counts.add(counts);
    nonce.uses++;
    const isGood =
      given.get('response') === expected &&
      (given.get('username') ?? decodeURIComponent(given.get('username*')?.slice(7) ?? '')) ===
        name &&
      given.get('uri') === uri &&
      given.get('opaque') === 'op"aque' &&
      (qop ?? '').split(', ').includes(used ?? '');
    return isGood ? 'good' : 'wrong';
  }
}

function membersOf({ headers }: RawRequest): ReadonlyMap<string, string> | null {
  const value = headers.find(([name]) => name === 'authorization')?.[1];
  if (value === undefined) return null;
  const pairs = value.matchAll(/([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))/g);
  return new Map(
    [...pairs].map(([, name = '', quoted, plain]) => [
      name,
      quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '',
    ]),
  );
}
