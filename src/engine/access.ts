/** Who may come in, and what they have done: the operator's keys, API clients, and the retention of the audit log. */
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/id.ts';
import type { Storage } from '../storage/storage.ts';
import type { ChangeWatch } from './changes.ts';
import { ClientRing } from './client-ring.ts';
import type { EngineLog } from './engine-log.ts';
import { createKeyUseWriter, KeyRing } from './key-ring.ts';
import { createAuditPruner } from './prune-audit.ts';
import { ServiceRunner } from './service.ts';

export interface AccessOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<EngineLog, 'serviceFailed'>;
  readonly auditRetentionDays: number;
  /** Tells when other nodes have changed credentials. */
  readonly changes: ChangeWatch;
}

export interface Access {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: KeyRing;
  readonly clients: ClientRing;
  /** Reads keys and clients: after that, they are known. */
  load(): Promise<void>;
  start(): void;
  /** Writes down the last uses. It does not close the storage. */
  stop(): Promise<void>;
}

export function createAccess({
  storage,
  clock,
  random,
  log,
  auditRetentionDays,
  changes,
}: AccessOptions): Access {
  const keys = new KeyRing(storage, clock);
  const clients = new ClientRing(storage, clock);
  changes.watchRings({ keys, clients });
  const services = [
    new ServiceRunner(createKeyUseWriter(keys), clock, log),
    new ServiceRunner(createAuditPruner(storage, clock, auditRetentionDays), clock, log),
  ];
  return {
    storage,
    clock,
    random,
    keys,
    clients,
    async load() {
      await keys.refresh();
      await clients.refresh();
    },
    start() {
      for (const service of services) service.start(1000);
    },
    async stop() {
      await Promise.all(services.map((service) => service.stop()));
      try {
        await keys.writeUses();
      } catch (error) {
        // When a key was last used is no reason not to stop.
        log.serviceFailed('writer of key uses', error);
      }
    },
  };
}
