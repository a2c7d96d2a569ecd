/** The whole conformance suite through PgBouncer in transaction mode. Budget: 60 s. */
import { describe, it } from 'vitest';

import { describeStorage } from '../conformance/storage.ts';
import { usePooledServer, whyNoPooledServer } from '../support/pooled-postgres.ts';
import { postgresDriver } from '../support/storage-postgres.ts';

const reason = await whyNoPooledServer();
if (reason === null)
  describe('through PgBouncer', () => describeStorage(postgresDriver(usePooledServer())));
else describe('through PgBouncer', () => it.skip(reason));
