/**
 * The claims of the storage port (src/storage/storage.ts), for every driver: `describeStorage(driver)` in a test file
 * of its own is all that a driver needs.
 */
import { describe } from 'vitest';

import { describeAudit } from './storage-audit.ts';
import { describeByHand, describeCancel } from './storage-by-hand.ts';
import { describeCancelSlice } from './storage-cancel-slice.ts';
import { describeClaim } from './storage-claim.ts';
import { describeDestinations, describeRouting } from './storage-destinations.ts';
import { describeSealed } from './storage-sealed.ts';
import type { StorageDriver } from './storage-driver.ts';
import { describeEnding } from './storage-ending.ts';
import { describeErase } from './storage-erase.ts';
import { describeFilters } from './storage-filters.ts';
import { describeClients } from './storage-clients.ts';
import { describeKeys } from './storage-keys.ts';
import { describeLists } from './storage-lists.ts';
import { describeMetrics } from './storage-metrics.ts';
import { describeModel } from './storage-model.ts';
import { describeOrder } from './storage-order.ts';
import { describePruneSlice } from './storage-prune-slice.ts';
import { describePublish } from './storage-publish.ts';
import { describeRecord } from './storage-record.ts';
import { describeReplays } from './storage-replays.ts';
import { describeIds, describeRestart } from './storage-restart.ts';
import { describeSameId } from './storage-same-id.ts';
import { describeSearch } from './storage-search.ts';
import { describeTenants } from './storage-tenants.ts';
import { describeTopics } from './storage-topics.ts';

export function describeStorage(driver: StorageDriver): void {
  describe(driver.name, () => {
    describeTenants(driver);
    describeDestinations(driver);
    describeRouting(driver);
    describeKeys(driver);
    describeClients(driver);
    describeAudit(driver);
    describeTopics(driver);
    describeSealed(driver);
    describePublish(driver);
    describeSameId(driver);
    describeRecord(driver);
    describeClaim(driver);
    describeOrder(driver);
    describeByHand(driver);
    describeCancel(driver);
    describeCancelSlice(driver);
    describePruneSlice(driver);
    describeMetrics(driver);
    describeEnding(driver);
    describeErase(driver);
    describeReplays(driver);
    describeModel(driver);
    describeFilters(driver);
    describeLists(driver);
    describeSearch(driver);
    describeIds(driver);
    describeRestart(driver);
  });
}
