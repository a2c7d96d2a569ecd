/** How a delivery's status is stored. */
import type { DeliveryStatus } from '../../domain/delivery.ts';

export const STATUS_CODE: Record<DeliveryStatus, number> = {
  pending: 0,
  delivered: 1,
  failed: 2,
  canceled: 3,
};

const STATUS_OF_CODE: readonly DeliveryStatus[] = ['pending', 'delivered', 'failed', 'canceled'];

export function statusOf(code: unknown): DeliveryStatus {
  const status = STATUS_OF_CODE[Number(code)];
  if (status === undefined) throw new Error(`no delivery status has the code ${String(code)}`);
  return status;
}
