/** The event that everything is measured with: 512 bytes of JSON, as a shop would send them. */
import { systemRandom } from '../src/domain/id.ts';
import { messageFormat } from '../src/domain/message-format.ts';
import { renderShape } from '../src/domain/payload.ts';
import { MessageValues } from '../src/domain/template.ts';
import { standard } from '../src/profiles/standard.ts';

export const DATA_BYTES = 512;
export const TOPIC = 'order.created';

/** Exactly `DATA_BYTES` of JSON that begins with the members given. */
export function eventData(members: object = {}): string {
  const order = {
    ...members,
    order_id: '4d7c2f0a-6a51-4b3f-9d1e-0c8f4a9b7e21',
    customer: { id: 'cus_8841', email: 'someone@example.com', country: 'AT' },
    total: '129.90',
    currency: 'EUR',
    lines: [{ sku: 'KB-104-DE', quantity: 1, price: '129.90' }],
    note: '',
  };
  const empty = JSON.stringify(order);
  order.note = 'n'.repeat(DATA_BYTES - empty.length);
  return JSON.stringify(order);
}

export function publishBody(
  tenantId: string,
  topic = TOPIC,
  data = eventData(),
  destinationId?: string,
): string {
  const addressed =
    destinationId === undefined ? '' : `"destination_id":${JSON.stringify(destinationId)},`;
  return `{"tenant_id":${JSON.stringify(tenantId)},"topic":"${topic}",${addressed}"data":${data}}`;
}

/** Of so many events, for those tenants in turn. */
export function batchBody(tenantIds: readonly string[], events: number): string {
  const bodies = tenantIds.map((id) => publishBody(id));
  const all = Array.from({ length: events }, (_, index) => bodies[index % bodies.length]);
  return `{"events":[${all.join(',')}]}`;
}

/** What the server makes of that event on the wire: the bare loop sends the same. */
export function deliveredMessage(): { headers: string[]; body: string } {
  const nowMs = Date.now();
  const event = {
    seq: nowMs * 1000,
    id: 'evt_01k9zz8qf3abcde0000',
    tenantId: 'bench',
    topic: TOPIC,
    timeMs: nowMs,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    data: Buffer.from(eventData()),
    test: false,
  };
  const body = renderShape('standard', event);
  const facts = { event, deliveryId: () => 'dlv_01k9zz8qf3abcde0000000', attempt: 1, nowMs };
  const signed = messageFormat(standard).headers(
    new MessageValues(facts, 'des_01k9zz8qf3abcde0000', systemRandom),
    body,
    [{ kind: 'hmac', bytes: Buffer.alloc(32, 7) }],
  );
  return {
    headers: [
      'content-type',
      standard.contentType,
      'user-agent',
      'Angarium/0.1.0',
      'accept-encoding',
      'identity',
      ...signed,
    ],
    body: Buffer.from(body).toString(),
  };
}
