/** Publishes one event a request, as wrk would: for machines that have none. */
import { Pool } from 'undici';
import { publishBody } from './event.ts';
import type { SingleLoad, SingleLoadResult } from './load.ts';
import { partOptions, tell } from './part.ts';

const { origin, headers, tenantIds, connections, seconds } = partOptions() as SingleLoad;
const pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
const bodies = tenantIds.map((id) => Buffer.from(publishBody(id)));
const latenciesMs: number[] = [];
let begun = 0;
let refused = 0;
const start = performance.now();
const endMs = start + seconds * 1000;

await Promise.all(Array.from({ length: connections }, publishOnAndOn));
latenciesMs.sort((a, b) => a - b);
const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
tell({
  accepted: latenciesMs.length,
  refused,
  seconds: (performance.now() - start) / 1000,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
} satisfies SingleLoadResult);

async function publishOnAndOn(): Promise<void> {
  while (performance.now() < endMs) {
    const sentMs = performance.now();
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: '/api/v1/publish',
      headers,
      body: bodies[begun++ % bodies.length] ?? '',
    });
    await body.dump();
    if (statusCode === 202) latenciesMs.push(performance.now() - sentMs);
    else refused++;
  }
}
