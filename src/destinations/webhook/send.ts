/** One attempt over HTTP: the headers of its profile, its signature, its authentication, and the exchange. */
import { createHash } from 'node:crypto';
import { headerLines } from '../../domain/attempt.ts';
import type { Outcome, RequestShape } from '../../domain/attempt.ts';
import { messageFormat } from '../../domain/message-format.ts';
import type { MessageFormat } from '../../domain/message-format.ts';
import type { Profile } from '../../domain/profile.ts';
import type { SigningKey } from '../../domain/signing-secret.ts';
import { MessageValues } from '../../domain/template.ts';
import { MASK } from '../destination-type.ts';
import type { Message, OpenDestination, Sender, Sent } from '../destination-type.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { exchangeAuthorized } from './auth/authorized-exchange.ts';
import { authHeaderNames } from './auth/check-auth.ts';
import { openAuth } from './auth/open-auth.ts';
import type { AuthParts, OpenedAuth } from './auth/open-auth.ts';
import { storedAuth } from './auth/webhook-auth.ts';
import { isSecretHeader, parseCustomHeaders } from './custom-headers.ts';
import { Exchange } from './exchange.ts';
import type { Before } from './exchange.ts';
import { Handshake } from './handshake.ts';
import { headerClaims, isReservedHeader, takenHeaders } from './header-claims.ts';
import { createHttpSigner } from './http-signature.ts';
import type { HttpSigner } from './http-signature.ts';
import { metadataHeaders } from './metadata-headers.ts';
import type { Channel, WebhookPools } from './pools.ts';
import type { WebhookOptions } from './options.ts';
import { validKeys } from './secrets.ts';
import type { ValidKey } from './secrets.ts';

const METHOD = 'POST';
const NO_HEADERS: readonly string[] = [];

type HeaderPair = readonly [name: string, value: string];

export class WebhookSender implements Sender {
  readonly #destination: OpenDestination;
  readonly #pools: WebhookPools;
  readonly #options: WebhookOptions;
  readonly #format: MessageFormat;
  readonly #channel: Channel;
  readonly #authenticator: Authenticator | null;
  readonly #path: string;
  readonly #keys: readonly ValidKey[];
  readonly #currentKeys: readonly SigningKey[];
  /** The headers that all messages share, as they are sent, and as they are recorded. */
  readonly #sharedHeaders: readonly string[];
  readonly #shape: RequestShape;
  readonly #isTaken: (name: string) => boolean;
  readonly #httpSigner: HttpSigner | null;
  readonly #handshake: Handshake | null;

  /** Throws where the stored configuration is not one that `check` passes. */
  constructor(destination: OpenDestination, parts: AuthParts) {
    const { pools, options } = parts;
    const { config, credentials, profile, httpSignature } = destination;
    const url = new URL(config['url'] ?? '');
    const format = messageFormat(profile);
    const stored = storedAuth(destination.auth);
    const auth = openAuth(stored, parts);
    const authNames = authHeaderNames(stored);
    const taken = takenHeaders(format, httpSignature);
    const claims = headerClaims(format, httpSignature, authNames);
    const custom = parseCustomHeaders(config['custom_headers'], claims);
    if (!custom.ok) throw new Error('the stored webhook destination is not valid');
    const customNames = new Set(custom.headers.map(([name]) => name.toLowerCase()));
    const isKept = ([name]: HeaderPair) => !customNames.has(name.toLowerCase());
    const general = generalHeaders(options).filter(isKept);
    const ours = [...contentHeaders(profile).filter(isKept), ...general].flat();
    this.#destination = destination;
    this.#pools = pools;
    this.#options = options;
    this.#format = profile.headers.every(isKept)
      ? format
      : messageFormat({ ...profile, headers: profile.headers.filter(isKept) });
    this.#channel = channelOf(url.origin, auth, config['ca'], pools);
    this.#authenticator = auth.authenticator;
    // Not `search`: it has no `?` where nothing follows.
    this.#path = url.href.slice(url.origin.length);
    const usesSecrets = profile.signature !== null || httpSignature?.algorithm === 'hmac-sha256';
    this.#keys = usesSecrets ? validKeys(credentials, profile) : [];
    this.#currentKeys = this.#keys.slice(0, 1).map(({ key }) => key);
    this.#sharedHeaders = [...ours, ...custom.headers.flat(), ...auth.headers.flat()];
    this.#isTaken = (name) =>
      taken(name) || authNames.has(name) || customNames.has(name) || isReservedHeader(name);
    this.#httpSigner =
      httpSignature === null
        ? null
        : createHttpSigner(httpSignature, {
            url,
            instanceKey: options.instanceKey,
          });
    this.#handshake =
      config['webhook_handshake'] === undefined
        ? null
        : new Handshake({
            url,
            channel: this.#channel,
            headers: [
              ...general,
              ...custom.headers.filter((each) => !isOfContent(each)),
              ...auth.headers,
            ].flat(),
            profile,
            rate: config['webhook_request_rate'] ?? null,
            pools,
            webhook: options,
          });
    this.#shape = {
      url: url.href,
      headers: headerLines([
        ...ours,
        ...custom.headers.flatMap(([name, value]) => [name, isSecretHeader(name) ? MASK : value]),
        ...auth.headers.flatMap(([name]) => [name, MASK]),
      ]),
      payload: profile.payload,
    };
  }

  send(message: Message): Promise<Sent> {
    return this.#handshake === null
      ? this.#post(message)
      : this.#postIfPermitted(message, this.#handshake);
  }

  /** The handshake is part of the attempt: it takes of its time. */
  async #postIfPermitted(message: Message, handshake: Handshake): Promise<Sent> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const permission = await handshake.permission(message.timeoutMs);
    if (!permission.granted) {
      return {
        outcome: permission.outcome,
        request: { shape: this.#shape, headers: '' },
        note: null,
      };
    }
    const waitedMs = clock.monotonicMs() - startedMs;
    const sent = await this.#post({
      ...message,
      timeoutMs: Math.max(0, message.timeoutMs - waitedMs),
    });
    const { timings } = sent.outcome;
    const totalMs = timings.totalMs + waitedMs;
    const outcome = { ...sent.outcome, timings: { ...timings, totalMs } };
    if (permission.news === null) return { ...sent, outcome };
    const news = `The receiver allows ${allowedRate(permission.news)} (WebHook-Allowed-Rate).`;
    return { ...sent, outcome, note: sent.note === null ? news : `${news} ${sent.note}` };
  }

  async #post(message: Message): Promise<Sent> {
    const { id, profile } = this.#destination;
    const keys = this.#keysAt(message.nowMs);
    const values = new MessageValues(message, id, this.#options.random);
    const own = this.#format.headers(values, message.body, profile.signature === null ? [] : keys);
    if (this.#httpSigner !== null)
      own.push(...this.#httpSigner.headers(message.body, message.nowMs, keys));
    const note = this.#addMetadata(message, own);
    const outcome =
      this.#authenticator === null
        ? await this.#exchange(message, own, NO_HEADERS, null)
        : await this.#exchangeAuthorized(message, own, this.#authenticator);
    return { outcome, request: { shape: this.#shape, headers: headerLines(own) }, note };
  }

  #exchange(
    { body, timeoutMs }: Message,
    own: readonly string[],
    authorization: readonly string[],
    before: Before | null,
  ): Promise<Outcome> {
    return new Exchange({
      pool: this.#pools.pool(this.#channel),
      request: {
        method: METHOD,
        path: this.#path,
        headers: this.#sharedHeaders.concat(own, authorization),
        body,
      },
      timeoutMs,
      profile: this.#destination.profile,
      clock: this.#options.clock,
      before,
    }).run();
  }

  /** Adds to the message's headers what is recorded of the authorization. */
  async #exchangeAuthorized(
    message: Message,
    own: string[],
    authenticator: Authenticator,
  ): Promise<Outcome> {
    const { outcome, headers } = await exchangeAuthorized({
      authenticator,
      request: { method: METHOD, path: this.#path, body: message.body },
      timeoutMs: message.timeoutMs,
      profile: this.#destination.profile,
      clock: this.#options.clock,
      exchange: (authorization, before) => this.#exchange(message, own, authorization, before),
    });
    own.push(...headers);
    return outcome;
  }

  #keysAt(nowMs: number): readonly SigningKey[] {
    if (this.#keys.length <= 1) return this.#currentKeys;
    return this.#keys.filter(({ invalidAtMs }) => invalidAtMs > nowMs).map(({ key }) => key);
  }

  #addMetadata({ event }: Message, headers: string[]): string | null {
    const { profile, deliveryMetadata } = this.#destination;
    if (profile.metadataHeaderPrefix === null) return null;
    if (deliveryMetadata === null && event.metadata === null) return null;
    const found = metadataHeaders(
      profile.metadataHeaderPrefix,
      deliveryMetadata,
      event.metadata,
      this.#isTaken,
    );
    headers.push(...found.headers);
    if (found.leftOut.length === 0) return null;
    return `Left out, as it is no legal header: metadata ${found.leftOut.map((name) => JSON.stringify(name)).join(', ')}.`;
  }
}

/** Of every request. */
function generalHeaders({ userAgent }: WebhookOptions): readonly HeaderPair[] {
  return [
    ['user-agent', userAgent],
    ['accept-encoding', 'identity'],
  ];
}

/** Of those with a body. */
function contentHeaders({ contentType }: Profile): readonly HeaderPair[] {
  return [['content-type', contentType]];
}

function isOfContent([name]: HeaderPair): boolean {
  return name.toLowerCase() === 'content-type';
}

/** Written by the receiver. */
function allowedRate(value: string): string {
  return /^\d{1,15}$/.test(value) ? `${value} requests a minute` : 'any number of requests';
}

/** Connections of their own for each credential, and for receivers that are verified by an authority of their own. */
function channelOf(
  origin: string,
  { credential, tls }: OpenedAuth,
  ca: string | undefined,
  pools: WebhookPools,
): Channel {
  if (ca === undefined) return pools.channel(origin, credential, tls);
  const own = createHash('sha256').update(ca).digest('base64url');
  return pools.channel(origin, `${credential} ${own}`, { ...tls, ca });
}
