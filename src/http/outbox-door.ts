/** How events of an application's outbox come in: as those of a batch do, save that a tenant's order is kept. */
import type { PublishRequest } from '../domain/event.ts';
import type { OutboxVerdict, PublishFromOutbox } from '../domain/outbox.ts';
import { ApiError, errorBody } from './errors.ts';
import { createEventDoor } from './event-door.ts';
import type { Accepted, DoorParts, EventDoor } from './event-door.ts';
import { parsePublish } from './publish-body.ts';

const DEFAULT_WAIT_S = 1;

export function createOutboxDoor(parts: DoorParts): PublishFromOutbox {
  const door = createEventDoor(parts);
  const { changes } = parts.engine;
  return async (bodies) => {
    try {
      // What another node had answered before the application committed counts for it.
      await changes.current();
    } catch {
      return bodies.map(() => ({ kind: 'unavailable' }));
    }
    // Whose rate is used up waits with all that follows, which may find room a moment later.
    const waiting = new Map<string, ApiError>();
    const events = bodies.map((body) => {
      const event = parsed(door, body);
      if (event instanceof ApiError) return event;
      const granted = waiting.get(event.tenantId) ?? door.grant(event);
      if (granted instanceof ApiError && granted.code === 'rate_limited')
        waiting.set(event.tenantId, granted);
      return granted;
    });
    return (await door.publishAll(events)).map(verdictOf);
  };
}

function parsed(door: EventDoor, body: Buffer): PublishRequest | ApiError {
  try {
    return parsePublish(body, door.limitsNow());
  } catch (error) {
    if (error instanceof ApiError) return error;
    // It must not keep the others.
    return new ApiError('internal', `Something unexpected: ${String(error)}`);
  }
}

function verdictOf(result: Accepted | ApiError): OutboxVerdict {
  if (!(result instanceof ApiError)) return { kind: 'stored', duplicate: result.duplicate };
  const { code, message, retryAfterS } = result;
  if (code === 'rate_limited')
    return { kind: 'later', waitMs: (retryAfterS ?? DEFAULT_WAIT_S) * 1000 };
  // Where a commit had no answer, too: by its id what was stored is known when it comes again.
  if (code === 'unavailable' || code === 'in_doubt') return { kind: 'unavailable' };
  const sentences = errorBody(result).data;
  const reason = sentences.length === 0 ? message : sentences.join(' ');
  return { kind: code === 'internal' ? 'broken' : 'refused', code, reason };
}
