/** One attempt over HTTP: the headers of its profile, its signature, and the exchange. */
import { headerLines } from '../../domain/attempt.ts';
import type { RequestShape } from '../../domain/attempt.ts';
import { messageFormat } from '../../domain/message-format.ts';
import type { MessageFormat } from '../../domain/message-format.ts';
import type { SigningKey } from '../../domain/signing-secret.ts';
import { MessageValues } from '../../domain/template.ts';
import { MASK } from '../destination-type.ts';
import type { Message, OpenDestination, Sender, Sent } from '../destination-type.ts';
import { isReservedHeader, isSecretHeader, parseCustomHeaders } from './custom-headers.ts';
import { Exchange } from './exchange.ts';
import { metadataHeaders } from './metadata-headers.ts';
import type { WebhookPools } from './pools.ts';
import type { WebhookOptions } from './options.ts';
import { validKeys } from './secrets.ts';
import type { ValidKey } from './secrets.ts';

export class WebhookSender implements Sender {
  readonly #destination: OpenDestination;
  readonly #pools: WebhookPools;
  readonly #options: WebhookOptions;
  readonly #format: MessageFormat;
  readonly #origin: string;
  readonly #path: string;
  readonly #keys: readonly ValidKey[];
  readonly #currentKeys: readonly SigningKey[];
  /** The headers that all messages share, as they are sent, and as they are recorded. */
  readonly #sharedHeaders: readonly string[];
  readonly #shape: RequestShape;
  readonly #isTaken: (name: string) => boolean;

  /** Throws where the stored configuration is not one that `check` passes. */
  constructor(destination: OpenDestination, pools: WebhookPools, options: WebhookOptions) {
    const { config, credentials, profile } = destination;
    const url = new URL(config['url'] ?? '');
    const format = messageFormat(profile);
    const custom = parseCustomHeaders(config['custom_headers'], (name) =>
      format.headerNames.has(name),
    );
    if (!custom.ok) throw new Error('the stored webhook destination is not valid');
    const ours = [
      'content-type',
      profile.contentType,
      'user-agent',
      options.userAgent,
      'accept-encoding',
      'identity',
    ];
    const customNames = new Set(custom.headers.map(([name]) => name.toLowerCase()));
    this.#destination = destination;
    this.#pools = pools;
    this.#options = options;
    this.#format = format;
    this.#origin = url.origin;
    // Not `search`: it has no `?` where nothing follows.
    this.#path = url.href.slice(url.origin.length);
    this.#keys = profile.signature === null ? [] : validKeys(credentials, profile);
    this.#currentKeys = this.#keys.slice(0, 1).map(({ key }) => key);
    this.#sharedHeaders = [...ours, ...custom.headers.flat()];
    this.#isTaken = (name) =>
      format.headerNames.has(name) || customNames.has(name) || isReservedHeader(name);
    this.#shape = {
      url: url.href,
      headers: headerLines([
        ...ours,
        ...custom.headers.flatMap(([name, value]) => [name, isSecretHeader(name) ? MASK : value]),
      ]),
      payload: profile.payload,
    };
  }

  async send(message: Message): Promise<Sent> {
    const { id, profile } = this.#destination;
    const values = new MessageValues(message, id, this.#options.random);
    const own = this.#format.headers(values, message.body, this.#keysAt(message.nowMs));
    const note = this.#addMetadata(message, own);
    const outcome = await new Exchange({
      pool: this.#pools.pool(this.#origin),
      request: {
        method: 'POST',
        path: this.#path,
        headers: [...this.#sharedHeaders, ...own],
        body: message.body,
      },
      timeoutMs: message.timeoutMs,
      profile,
      clock: this.#options.clock,
    }).run();
    return { outcome, request: { shape: this.#shape, headers: headerLines(own) }, note };
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
