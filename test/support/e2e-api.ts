/** The HTTP API from outside: requests over kept connections, and what the tests ask of it again and again. */
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

export interface Delivery {
  readonly id: string;
  readonly tenant_id: string;
  readonly event_id: string;
  readonly destination_id: string;
  readonly status: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly last_code: string | null;
}

export interface Published {
  readonly id: string;
  readonly duplicate: boolean;
  readonly destination_ids: readonly string[];
}

export type BatchResult = Published | { readonly error: { readonly status: number } };

type Counts = Record<string, number>;

function count(counts: Counts, key: string, by: number): void {
  counts[key] = (counts[key] ?? 0) + by;
}

interface Page<Model> {
  readonly models: readonly Model[];
  readonly pagination: { readonly next: string | null };
}

export class Api {
  readonly #base: URL;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string, key: string) {
    this.#base = new URL(url);
    this.#key = key;
  }

  /** Rejects only where no whole answer came. */
  send(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: this.#base.hostname,
          port: this.#base.port,
          path,
          method,
          agent: this.#agent,
          headers: {
            authorization: `Bearer ${this.#key}`,
            ...(text === undefined
              ? {}
              : {
                  'content-type': 'application/json',
                  'content-length': String(Buffer.byteLength(text)),
                }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const whole = Buffer.concat(chunks).toString('utf8');
            const isJson = String(response.headers['content-type']).startsWith('application/json');
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: isJson ? JSON.parse(whole) : whole,
            });
          });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  }

  /** The body of an answer, of the shape that the caller expects. Rejects unless it answers 2xx. */
  async ok<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.send(method, path, body);
    refuseOthers(`${method} ${path}`, answer);
    return answer.body as Body;
  }

  tenant(id: string): Promise<unknown> {
    return this.ok('PUT', `/api/v1/tenants/${id}`);
  }

  destination(
    tenantId: string,
    { id, url, policy }: { id: string; url: string; policy?: object },
  ): Promise<unknown> {
    return this.ok('POST', `/api/v1/tenants/${tenantId}/destinations`, {
      id,
      type: 'webhook',
      topics: '*',
      config: { url },
      ...(policy === undefined ? {} : { policy }),
    });
  }

  /** The id of an event that was accepted. */
  async publish(event: object): Promise<string> {
    return (await this.ok<Published>('POST', '/api/v1/publish', event)).id;
  }

  /** The ids of events that were all accepted. */
  async publishAll(events: readonly object[]): Promise<string[]> {
    return (await this.batch(events)).map((result) => {
      if ('error' in result) throw new Error(`not accepted: ${JSON.stringify(result)}`);
      return result.id;
    });
  }

  async batch(events: readonly object[]): Promise<BatchResult[]> {
    const path = '/api/v1/publish/batch';
    return (await this.ok<{ results: BatchResult[] }>('POST', path, { events })).results;
  }

  /** All pages. `query`: `status=pending`, for example. */
  async deliveries(query = ''): Promise<Delivery[]> {
    const found: Delivery[] = [];
    let next = '';
    do {
      const page = await this.ok<Page<Delivery>>(
        'GET',
        `/api/v1/deliveries?limit=1000&${query}${next}`,
      );
      found.push(...page.models);
      next = page.pagination.next === null ? '' : `&next=${page.pagination.next}`;
    } while (next !== '');
    return found;
  }

  /**
   * All attempts, and what the usage of all days says, as counts by day, tenant and destination, by API client and by
   * tenant. `clients`: whose destinations are whose.
   */
  async billed(
    clients: ReadonlyMap<string, string> = new Map(),
  ): Promise<{ attempts: Counts; usage: Counts }> {
    const lines = await this.ok<string>('GET', '/api/v1/exports/attempts');
    const attempts: Counts = {};
    for (const line of lines.split('\n').filter((text) => text !== '')) {
      // A line is an attempt, as the list shows it.
      const attempt = JSON.parse(line) as Delivery & { readonly time: string };
      const [day, tenant, destination] = [
        attempt.time.slice(0, 10),
        attempt.tenant_id,
        attempt.destination_id,
      ];
      const client = clients.get(destination) ?? '';
      count(attempts, `${day} ${tenant} destination ${destination} ${client}`, 1);
      count(attempts, `${day} ${tenant} client ${client}`, 1);
      count(attempts, `${day} ${tenant}`, 1);
    }
    const usage: Counts = {};
    for (const row of await this.#usage('destination')) {
      const [day, tenant, destination, , client, attempted] = row;
      count(usage, `${day} ${tenant} destination ${destination} ${client}`, Number(attempted));
    }
    for (const [day, tenant, client, attempted] of await this.#usage('client'))
      count(usage, `${day} ${tenant} client ${client}`, Number(attempted));
    for (const [day, tenant, attempted] of await this.#usage('tenant'))
      count(usage, `${day} ${tenant}`, Number(attempted));
    return { attempts, usage };
  }

  /** Of all days, field by field. */
  async #usage(dimension: string): Promise<string[][]> {
    const path = `/api/v1/usage?format=csv&from=2020-01-01&dimension=${dimension}`;
    const csv = await this.ok<string>('GET', path);
    return csv
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
  }

  /** Whether nothing is owed any more; `false` also where the database does not say so at the moment. */
  async isIdle(): Promise<boolean> {
    const path = '/api/v1/deliveries?status=pending&limit=1';
    const answer = await this.send('GET', path);
    if (answer.status === 503) return false;
    refuseOthers(`GET ${path}`, answer);
    return (answer.body as Page<Delivery>).models.length === 0;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Throws unless it is 2xx. */
function refuseOthers(asked: string, { status, body }: { status: number; body: unknown }): void {
  if (status < 200 || status > 299) throw new Error(`${asked}: ${status} ${JSON.stringify(body)}`);
}
