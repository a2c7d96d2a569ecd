/** One attempt over HTTP. */
import { headerLines } from '../../domain/attempt.ts';
import { signingKey } from '../../domain/signing-secret.ts';
import { signatureHeaders } from '../../domain/wire-format.ts';
import { MASK } from '../destination-type.ts';
import type { Message, OpenDestination, Sender, Sent } from '../destination-type.ts';
import { isSecretHeader, parseCustomHeaders } from './custom-headers.ts';
import { Exchange } from './exchange.ts';
import type { WebhookPools } from './pools.ts';
import type { WebhookOptions } from './options.ts';

export class WebhookSender implements Sender {
  readonly #pools: WebhookPools;
  readonly #options: WebhookOptions;
  readonly #profile: OpenDestination['profile'];
  readonly #url: string;
  readonly #origin: string;
  readonly #path: string;
  readonly #keys: readonly Uint8Array[];
  /** The headers that all messages share, as they are sent and as they are recorded. */
  readonly #fixedHeaders: readonly string[];
  readonly #fixedLines: string;

  /** Throws where the stored configuration is not one that `check` passes. */
  constructor(
    { config, credentials, profile }: OpenDestination,
    pools: WebhookPools,
    options: WebhookOptions,
  ) {
    const url = new URL(config['url'] ?? '');
    const custom = parseCustomHeaders(config['custom_headers']);
    const key = signingKey(credentials['secret'] ?? '', profile.secret);
    if (!custom.ok || key === undefined)
      throw new Error('the stored webhook destination is not valid');
    const ours = [
      'content-type',
      'application/json',
      'user-agent',
      options.userAgent,
      'accept-encoding',
      'identity',
    ];
    this.#pools = pools;
    this.#options = options;
    this.#profile = profile;
    this.#url = url.href;
    this.#origin = url.origin;
    // Not `search`: it has no `?` where nothing follows.
    this.#path = url.href.slice(url.origin.length);
    this.#keys = [key];
    this.#fixedHeaders = [...ours, ...custom.headers.flat()];
    this.#fixedLines = headerLines([
      ...ours,
      ...custom.headers.flatMap(([name, value]) => [name, isSecretHeader(name) ? MASK : value]),
    ]);
  }

  async send({ event, body, nowMs, timeoutMs }: Message): Promise<Sent> {
    const signed = signatureHeaders(this.#profile.wire, {
      eventId: event.id,
      body,
      keys: this.#keys,
      nowMs,
    });
    const outcome = await new Exchange({
      pool: this.#pools.pool(this.#origin),
      request: {
        method: 'POST',
        path: this.#path,
        headers: [...this.#fixedHeaders, ...signed],
        body,
      },
      timeoutMs,
      profile: this.#profile,
      clock: this.#options.clock,
    }).run();
    return {
      outcome,
      request: { url: this.#url, headers: `${this.#fixedLines}\n${headerLines(signed)}` },
    };
  }
}
