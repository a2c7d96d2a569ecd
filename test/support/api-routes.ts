/** What the server's router knows, asked of the router and not of the document. */
import type { FastifyInstance } from 'fastify';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export interface KnownRoute {
  readonly method: (typeof METHODS)[number];
  /** As it was added: `/tenants/:tenant_id`. */
  readonly path: string;
}

export function routesOf(server: FastifyInstance): KnownRoute[] {
  const found: KnownRoute[] = [];
  const parents: string[] = [];
  for (const line of server.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', part = '', methods = ''] =
      /^([│ ]*)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? [];
    parents.length = indent.length / 4;
    parents.push(part);
    for (const method of METHODS)
      if (methods.split(', ').includes(method)) found.push({ method, path: parents.join('') });
  }
  return found;
}
