/** The destination type `webhook`: an HTTP POST to a URL, signed. */
import type { DestinationType } from '../destination-type.ts';
import { showAuth } from './auth/show-auth.ts';
import { TokenCache } from './auth/token-cache.ts';
import { storedAuth } from './auth/webhook-auth.ts';
import { checkWebhook } from './check.ts';
import { maskedHeaders } from './custom-headers.ts';
import { WEBHOOK_DESCRIPTION } from './describe.ts';
import type { WebhookOptions } from './options.ts';
import { WebhookPools } from './pools.ts';
import { renewedSecrets, shownSecrets } from './secrets.ts';
import { WebhookSender } from './send.ts';

export function createWebhookType(options: WebhookOptions): DestinationType {
  const pools = new WebhookPools(options);
  const parts = { pools, options, tokens: new TokenCache(options.clock) };
  return {
    type: 'webhook',
    description: WEBHOOK_DESCRIPTION,
    check: (input) => checkWebhook(input, options),
    renewSecret: (destination) => renewedSecrets(destination, options.random),
    showCredentials: ({ credentials, profile, nowMs }) => shownSecrets(credentials, profile, nowMs),
    showAuth: (auth, nowMs) => showAuth(storedAuth(auth), nowMs),
    describeTarget: (config) => ({ target: config['url'] ?? '', targetUrl: config['url'] ?? '' }),
    originOf: ({ url }) => (url === undefined ? null : new URL(url).origin),
    withoutSecrets: ({ custom_headers: headers, ...config }) =>
      headers === undefined ? config : { ...config, custom_headers: maskedHeaders(headers) },
    open: (destination) => new WebhookSender(destination, parts),
    close: () => pools.close(),
  };
}
