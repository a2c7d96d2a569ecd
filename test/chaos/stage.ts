/** What a run needs: a database, three nodes with a proxy each, receivers, and a folder for logs. */
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Api } from '../support/e2e-api.ts';
import { untilTrue } from '../support/e2e-until.ts';
import { startPostgresProcess } from '../support/postgres-process.ts';
import type { PostgresProcess } from '../support/postgres-process.ts';
import type { SeededRandom } from '../support/simulated-random.ts';
import { DESTINATIONS, TENANTS } from './ledger.ts';
import { API_KEY, ChaosNode } from './nodes.ts';
import { NODES } from './plan.ts';
import type { NodeName } from './plan.ts';
import { Proxy } from './proxy.ts';
import { startReceivers } from './receivers.ts';
import type { Receivers } from './receivers.ts';
import { Senders } from './senders.ts';

/** Few enough that they can all be taken; three nodes have up to 33. */
const MAX_CONNECTIONS = 60;
const READY_MS = 120_000;

export interface Member {
  readonly node: ChaosNode;
  readonly proxy: Proxy;
}

export interface Stage {
  readonly folder: string;
  readonly database: PostgresProcess;
  /** As the role that the nodes have, past all proxies. */
  readonly databaseUrl: string;
  readonly members: ReadonlyMap<NodeName, Member>;
  readonly receivers: Receivers;
  readonly ready: () => readonly { readonly name: NodeName; readonly url: string }[];
  readonly allReady: () => Promise<void>;
  /** Whatever still runs ends. The logs stay where they are to be kept. */
  close(options: { readonly keepsLogs: boolean }): Promise<void>;
}

export interface StageParts {
  readonly random: SeededRandom;
  readonly nowMs: () => number;
  readonly clockLibrary: string | null;
}

/** The nodes are ready, and have all destinations. */
export async function startStage({ random, nowMs, clockLibrary }: StageParts): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-chaos-'));
  const log = createWriteStream(join(folder, 'postgres.log'));
  const settings = { max_connections: String(MAX_CONNECTIONS), log_line_prefix: '%m [%p] %a ' };
  const database = await startPostgresProcess(settings, (text) => log.write(text));
  const databaseUrl = await createOwner(database.url);
  const members = new Map<NodeName, Member>();
  for (const name of NODES) {
    const proxy = await Proxy.start(databaseUrl);
    const own = join(folder, name);
    mkdirSync(own);
    const parts = { name, databaseUrl: proxy.url, folder: own, clockLibrary };
    members.set(name, { proxy, node: new ChaosNode(parts) });
  }
  const all = [...members.values()];
  const receivers = await startReceivers({
    random,
    nowMs,
    senders: new Senders(() => new Map(all.map(({ node }) => [node.name, node.pid]))),
  });
  const ready = () =>
    all.flatMap(({ node: { name, url } }) => (url === null ? [] : [{ name, url }]));
  const stage: Stage = {
    folder,
    database,
    databaseUrl,
    members,
    receivers,
    ready,
    allReady: () =>
      untilTrue('the nodes to be ready', () => ready().length === all.length, READY_MS),
    async close({ keepsLogs }) {
      await Promise.all(all.map(({ node }) => node.kill()));
      await Promise.all(all.map(({ proxy }) => proxy.close()));
      await receivers.close();
      await database.end();
      log.end();
      if (!keepsLogs) rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    for (const { node } of all) node.start();
    await stage.allReady();
    await createDestinations(ready()[0]?.url ?? '', receivers.url);
  } catch (error) {
    await stage.close({ keepsLogs: true });
    throw new Error(`the nodes did not come up; their logs: ${folder}`, { cause: error });
  }
  return stage;
}

/** A role that owns nothing but its schema, and has no connections put aside for it; the URL that leads there. */
async function createOwner(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    CREATE ROLE chaos LOGIN PASSWORD 'chaos';
    CREATE SCHEMA chaos AUTHORIZATION chaos;
    ALTER ROLE chaos SET search_path = chaos`);
  await client.end();
  const own = new URL(url);
  own.username = 'chaos';
  own.password = 'chaos';
  return own.href;
}

async function createDestinations(
  nodeUrl: string,
  urlOf: (destination: string) => string,
): Promise<void> {
  const api = new Api(nodeUrl, API_KEY);
  for (const tenant of TENANTS) {
    await api.tenant(tenant);
    for (const { name, topics, policy } of DESTINATIONS) {
      const config = { url: urlOf(`${tenant}/${name}`) };
      const body = { id: name, type: 'webhook', topics, config, policy };
      await api.ok('POST', `/api/v1/tenants/${tenant}/destinations`, body);
    }
  }
  api.close();
}
