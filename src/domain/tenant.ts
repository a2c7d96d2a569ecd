/** A tenant's settings: what holds for all of its destinations, spelled as the API spells it. */

export interface TenantSettings {
  readonly name?: string;
  readonly contacts?: readonly Contact[];
  /** Profile of its destinations that name none. */
  readonly profile?: string;
  readonly limits?: TenantLimits;
}

export interface Contact {
  readonly email: string;
}

/** What is left out has the instance's limit. */
export interface TenantLimits {
  readonly destinations?: number;
  readonly publish_per_minute?: number;
  readonly payload_bytes?: number;
  /** Attempts of all its destinations at the same time. */
  readonly concurrency?: number;
  /** Those to one receiving origin (scheme, host, port) at the same time. */
  readonly concurrency_per_origin?: number;
  /** What a subscription may ask for. */
  readonly events_per_minute?: number;
}

/** Merged setting by setting, each replaced whole; `null` takes one away. */
export type TenantSettingsChange = {
  readonly [Name in keyof TenantSettings]?: TenantSettings[Name] | null;
};
