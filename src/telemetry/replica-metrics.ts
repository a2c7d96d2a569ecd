/** What `/metrics` tells of the read replica. */
import type { ReplicaView } from '../storage/reading.ts';
import type { Family } from './exposition.ts';

/** None where there is no replica. The lag is left out until it has answered for the first time. */
export function replicaFamilies(replica: ReplicaView | null): Family[] {
  if (replica === null) return [];
  const { isUsed, lagMs } = replica;
  return [
    {
      name: 'angarium_replica_used',
      type: 'gauge',
      help: 'Whether lists and counts are read from the read replica.',
      samples: [{ value: isUsed ? 1 : 0 }],
    },
    {
      name: 'angarium_replica_lag_seconds',
      type: 'gauge',
      help: 'How old what the read replica would answer is, at most. It grows while the replica does not answer.',
      samples: lagMs === null ? [] : [{ value: lagMs / 1000 }],
    },
  ];
}
