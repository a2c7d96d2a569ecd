/** The end of the HTTP server. */
import type { FastifyInstance } from 'fastify';

/** How often a stopping server looks for connections that have become idle. */
const SWEEP_MS = 50;

/** Takes no connections any more, and closes each one after its request; at the end of the grace, all of them. */
export async function closeServer(server: FastifyInstance, graceMs: number): Promise<void> {
  const { server: sockets } = server;
  // Of itself Node closes only those that are idle at this moment, not those that become so.
  const sweeper = setInterval(() => sockets.closeIdleConnections(), SWEEP_MS);
  const lastCall = setTimeout(() => sockets.closeAllConnections(), graceMs);
  await server.close();
  clearInterval(sweeper);
  clearTimeout(lastCall);
}
