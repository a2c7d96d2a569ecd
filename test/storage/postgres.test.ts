import { describe, it } from 'vitest';

import { describeStorage } from '../conformance/storage.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { postgresDriver } from '../support/storage-postgres.ts';

const reason = await whyNoPostgres();
if (reason === null) describeStorage(postgresDriver(usePostgresServer()));
else describe('PostgreSQL', () => it.skip(reason));
