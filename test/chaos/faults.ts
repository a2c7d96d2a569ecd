/** Carries out what is planned, each at its time, and undoes it at its end. */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { FaultWindow } from './ledger.ts';
import { nameOf, nodeOf } from './plan.ts';
import type { Fault, NodeName, PlannedFault } from './plan.ts';
import type { Stage } from './stage.ts';

const FILL_EVERY_MS = 100;

export interface FaultsParts extends Pick<Stage, 'members' | 'database' | 'databaseUrl'> {
  readonly nowMs: () => number;
  readonly say: (line: string) => void;
}

export class Faults {
  readonly #parts: FaultsParts;
  /** As they came to be. */
  readonly windows: FaultWindow[] = [];
  /** By their names. */
  readonly underWay = new Set<string>();
  #filler: pg.Client[] | null = null;

  constructor(parts: FaultsParts) {
    this.#parts = parts;
  }

  /** Resolves when the last one is over. */
  async run(planned: readonly PlannedFault[]): Promise<void> {
    await Promise.all(planned.map((each) => this.#runOne(each)));
  }

  async #runOne({ fault, fromMs, untilMs }: PlannedFault): Promise<void> {
    const { nowMs, say } = this.#parts;
    await pause(Math.max(0, fromMs - nowMs()));
    const name = nameOf(fault);
    const window = { kind: fault.kind, node: nodeOf(fault), fromMs: nowMs() };
    this.underWay.add(name);
    say(`${name}, for ${((untilMs - fromMs) / 1000).toFixed(1)} s`);
    await this.#begin(fault);
    await pause(Math.max(0, untilMs - nowMs()));
    await this.#end(fault);
    this.underWay.delete(name);
    this.windows.push({ ...window, untilMs: nowMs() });
  }

  async #begin(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'restart':
        return this.#parts.database.crash();
      case 'fill':
        this.#filler = [];
        void this.#fill(this.#filler);
        return undefined;
      case 'kill':
        return this.#of(fault.node).node.kill();
      case 'freeze':
        return this.#of(fault.node).node.freeze();
      case 'clock':
        return this.#of(fault.node).node.setClock(fault.offsetS);
      case 'cut':
        return this.#of(fault.node).proxy.cut();
      case 'silence':
        return this.#of(fault.node).proxy.silence();
      case 'half-close':
        return this.#of(fault.node).proxy.halfClose(fault.told);
      case 'delay':
        return this.#of(fault.node).proxy.delay(fault.delayMs);
    }
  }

  async #end(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'restart':
        return this.#parts.database.start();
      case 'fill': {
        const clients = this.#filler ?? [];
        this.#filler = null;
        await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
        return undefined;
      }
      case 'kill':
        return this.#of(fault.node).node.start();
      case 'freeze':
        return this.#of(fault.node).node.thaw();
      case 'clock':
        return this.#of(fault.node).node.setClock(0);
      case 'cut':
      case 'silence':
      case 'half-close':
      case 'delay':
        return this.#of(fault.node).proxy.heal();
    }
  }

  /** Takes what is free, also what becomes free meanwhile. */
  async #fill(clients: pg.Client[]): Promise<void> {
    while (this.#filler === clients) {
      const client = new pg.Client({ connectionString: this.#parts.databaseUrl });
      client.on('error', () => clients.splice(clients.indexOf(client), 1));
      try {
        await client.connect();
        clients.push(client);
      } catch {
        // None is left, or the server is away.
        await pause(FILL_EVERY_MS);
      }
    }
    // Whoever came in at the last moment.
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }

  #of(name: NodeName) {
    const found = this.#parts.members.get(name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }
}
