/** Events spread over very many destinations of one tenant, of which each event is for one. */

/** The destination that the others are copies of; it is disabled. */
export const MODEL = 'model';

export function spreadId(index: number): string {
  return `spread-${index}`;
}

/** The member of an event's data that says which one. */
export function spreadData(index: number): { account: number } {
  return { account: index };
}

/**
 * Filters of several kinds, each of which only the events of its own destination match: half of them a plain value
 * beside others that all events have, a fifth a range, the rest lists and alternatives.
 */
export function spreadFilter(index: number): object {
  switch (index % 10) {
    case 0:
    case 1:
    case 2:
      return { data: { account: index } };
    case 3:
    case 4:
      return { topic: { $startsWith: 'order.' }, data: { currency: 'EUR', account: index } };
    case 5:
      return { data: { customer: { country: 'AT' }, account: { $in: [index, -index - 1] } } };
    case 6:
      return { data: { account: { $eq: index }, lines: { sku: { $neq: 'KB-1' } } } };
    case 7:
      return { $or: [{ data: { account: index } }, { topic: `order.${index}` }] };
    default:
      return { data: { account: { $gte: index, $lt: index + 1 } } };
  }
}
