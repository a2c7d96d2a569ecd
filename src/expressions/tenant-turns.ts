/** A queue in which tenants take turns: who has much to do waits behind himself, not others behind him. */
export class TenantTurns<Item> {
  /** In the order of their turns. */
  readonly #byTenant = new Map<string, Item[]>();

  add(tenantId: string, item: Item): void {
    const queue = this.#byTenant.get(tenantId);
    if (queue === undefined) this.#byTenant.set(tenantId, [item]);
    else queue.push(item);
  }

  take(): Item | undefined {
    for (const [tenantId, queue] of this.#byTenant) {
      const item = queue.shift();
      this.#byTenant.delete(tenantId);
      if (queue.length > 0) this.#byTenant.set(tenantId, queue);
      return item;
    }
    return undefined;
  }
}
