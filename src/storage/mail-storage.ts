/** The part of the storage port for the outbox of mails. See storage.ts for what holds of all its methods. */

export interface MailStorage {
  /**
   * Something to tell these recipients. What has the same tenant, destination, reason and recipient is gathered into one
   * mail, due now, but not before `gapMs` after the one before it. An item whose id is waiting already is not added
   * twice. Who refused the tenant's mails is left out.
   */
  mailAdd(query: {
    tenantId: string;
    destinationId: string;
    reason: string;
    recipients: readonly string[];
    item: MailItem;
    nowMs: number;
    gapMs: number;
  }): Promise<void>;
  mailsDue(query: { nowMs: number; limit: number }): Promise<DueMail[]>;
  mailSettled(query: { no: number; result: MailResult; nowMs: number }): Promise<void>;
  /** Drops what waits for the recipient, and adds nothing more. */
  mailRefuse(query: { tenantId: string; recipient: string }): Promise<void>;
}

/** One thing that a mail tells. */
export interface MailItem {
  readonly id: string;
  readonly atMs: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

export interface DueMail {
  readonly no: number;
  readonly tenantId: string;
  readonly destinationId: string;
  readonly reason: string;
  readonly recipient: string;
  /** Of all that it tells, of which `items` are the first. */
  readonly count: number;
  readonly items: readonly MailItem[];
  /** Times that it could not be sent. */
  readonly failures: number;
}

export type MailResult =
  /** So many of its items were told, and so much of its count; what came meanwhile is due after `gapMs`. */
  | {
      readonly kind: 'sent';
      readonly count: number;
      readonly items: number;
      readonly gapMs: number;
    }
  | { readonly kind: 'retry'; readonly atMs: number }
  | { readonly kind: 'given_up' };
