/** Who asks for a change, for the audit log. */
import type { FastifyRequest } from 'fastify';
import type { AuditActor, AuditAuthor } from '../domain/audit.ts';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';

export function auditAuthor({ caller, ip, id }: FastifyRequest, clock: Clock): AuditAuthor {
  if (caller === null) throw new TypeError('what is open to anyone changes nothing');
  return { atMs: clock.nowMs(), actor: actorOf(caller), address: ip, requestId: id };
}

function actorOf(caller: Caller): AuditActor {
  switch (caller.kind) {
    case 'operator':
      return { kind: 'operator', id: caller.keyId, name: caller.name };
    case 'tenant':
      return { kind: 'tenant', id: caller.tenantId, name: caller.role };
    case 'client':
      return { kind: 'client', id: caller.urn, name: caller.name };
  }
}
