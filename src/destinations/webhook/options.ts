/** What the type needs of the program. */
import type { Clock } from '../../domain/clock.ts';
import type { InstanceKey } from '../../domain/instance-keys.ts';
import type { Random } from '../../domain/id.ts';
import type { AddressGuard } from '../address-guard.ts';
import type { Lookup } from '../connector.ts';

export interface WebhookOptions {
  readonly guard: AddressGuard;
  readonly clock: Clock;
  readonly random: Random;
  /** What receivers read as `user-agent`. */
  readonly userAgent: string;
  /** The host by which receivers know this instance: `WebHook-Request-Origin` of handshakes. */
  readonly origin: string;
  /** What signs where a destination asks for HTTP message signatures by ed25519. */
  readonly instanceKey: InstanceKey;
  /** Resolver of names; the system's by default. */
  readonly lookup?: Lookup;
  /** PEM certificates that are trusted instead of the public authorities. */
  readonly ca?: string;
}
