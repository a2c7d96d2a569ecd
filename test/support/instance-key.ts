/** The key of the instance that tests are. */
import { deriveInstanceKey } from '../../src/domain/instance-keys.ts';

export const INSTANCE_KEY = deriveInstanceKey(Buffer.alloc(32, 1));
