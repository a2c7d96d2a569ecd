/**
 * Statements that are parsed and planned once for each connection: in small transactions that is a third of what the
 * database does. They have names, which belong to a connection of the server: a pooler that hands connections on between
 * two transactions would not find them. So only where PostgreSQL itself is at the other end is anything prepared.
 */
import type { ClientBase } from 'pg';

/** Of one program there are a dozen. */
const MAX_NAMES = 100;
/** A plan is kept for long: it is not made for the first few rows of an empty table. */
const MIN_USES = 100;

export class Prepared {
  readonly #names = new Map<string, string>();
  readonly #uses = new Map<string, number>();
  #isPossible: boolean;

  constructor(isPossible: boolean) {
    this.#isPossible = isPossible;
  }

  /** Of a statement whose text is always the same; `undefined`: it is sent as it is. */
  nameOf(sql: string): string | undefined {
    if (!this.#isPossible) return undefined;
    const known = this.#names.get(sql);
    if (known !== undefined || this.#names.size >= MAX_NAMES) return known;
    const uses = (this.#uses.get(sql) ?? 0) + 1;
    this.#uses.set(sql, uses);
    if (uses < MIN_USES) return undefined;
    const name = `angarium_${this.#names.size + 1}`;
    this.#names.set(sql, name);
    return name;
  }

  /** The server does not know a name that it was told: there is a pooler in between after all. */
  giveUp(): void {
    this.#isPossible = false;
  }
}

/** A server tells each client the number of the process that serves it; a pooler tells a number of its own. */
export async function isDirect(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // Told at the start of the connection, for requests to cancel (PostgreSQL manual, 54.7, BackendKeyData).
  const told = (client as ClientBase & { readonly processID?: number | null }).processID;
  return rows[0]?.pid === told;
}
