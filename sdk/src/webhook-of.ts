/** The verified message that a middleware has left on the request. */
import type { Verified } from './verification.ts';

/** @throws Error where no middleware has verified the request */
export function webhookOf(request: object): Verified {
  const webhook = 'webhook' in request ? request.webhook : undefined;
  if (typeof webhook === 'object' && webhook !== null) return webhook as Verified;
  throw new Error('no webhook was verified here: put verifyWebhook before this handler');
}
