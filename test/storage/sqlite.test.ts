import { describeStorage } from '../conformance/storage.ts';
import { inlineSqlite, threadedSqlite } from '../support/storage-sqlite.ts';

describeStorage(inlineSqlite);
describeStorage(threadedSqlite);
