/** What the API answers, for tests that look into it; that it is so is checked against the document. */

export interface TenantView {
  readonly id: string;
  readonly destinations_count: number;
  readonly topics: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface DestinationView {
  readonly id: string;
  readonly type: string;
  readonly format?: string;
  readonly expression?: string;
  readonly http_signature?: { readonly algorithm: string; readonly components: readonly string[] };
  readonly topics: '*' | readonly string[];
  readonly filter?: unknown;
  readonly config: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly delivery_metadata?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
  readonly disabled_at: string | null;
  readonly expires_at: string | null;
  readonly subscription?: Readonly<Record<string, unknown>>;
  readonly state: {
    readonly status: string;
    readonly reason: string | null;
    readonly consecutive_failures: number;
  };
  readonly retry_schedule: {
    readonly attempts_after_s: readonly number[];
    readonly attempts_after: readonly string[];
    readonly jitter: number;
    readonly window_s: number | null;
  };
}

export interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly prefix: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
}

export interface CreatedKeyView extends KeyView {
  readonly token: string;
}

export interface AuditView {
  readonly id: string;
  readonly time: string;
  readonly actor: { readonly type: string; readonly id: string | null; readonly name: string };
  readonly action: string;
  readonly tenant_id: string | null;
  readonly resource: { readonly type: string; readonly id: string };
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly address: string;
  readonly request_id: string;
}

export interface PublishedView {
  readonly id: string;
  readonly duplicate: boolean;
  readonly destination_ids: readonly string[];
}

export interface ErrorView {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly data: readonly string[];
  readonly errors: readonly {
    readonly pointer: string;
    readonly code: string;
    readonly message: string;
  }[];
  readonly request_id: string;
}

export interface BatchView {
  readonly results: readonly (PublishedView | { readonly error: ErrorView })[];
}

export interface EventView {
  readonly id: string;
  readonly tenant_id: string;
  readonly topic: string;
  readonly time: string;
  readonly eligible_for_retry: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly matched_destination_ids: readonly string[];
  readonly status: Readonly<Record<'pending' | 'delivered' | 'failed' | 'canceled', number>>;
}

export interface DeliveryView {
  readonly id: string;
  readonly event_id: string;
  readonly destination_id: string;
  readonly status: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly waits_for: string | null;
  readonly last_code: string | null;
}

export interface AttemptView {
  readonly id: string;
  readonly event_id: string;
  readonly destination_id: string;
  readonly delivery_id: string;
  readonly status: 'success' | 'failed';
  readonly code: string;
  readonly attempt_number: number;
  readonly manual: boolean;
  readonly kind: string;
}

export interface ListView<Model> {
  readonly models: readonly Model[];
  readonly pagination: {
    readonly order_by: string;
    readonly dir: string;
    readonly limit: number;
    readonly next: string | null;
    readonly prev: string | null;
  };
}

export interface TopicView {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>> | null;
  readonly sample: Readonly<Record<string, unknown>> | null;
  readonly deprecated: boolean;
  readonly enforcement: string;
  readonly violations: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface MetricsView {
  readonly data: readonly {
    readonly time_bucket?: string;
    readonly dimensions: Readonly<Record<string, string>>;
    readonly metrics: Readonly<Record<string, number>>;
  }[];
  readonly metadata: {
    readonly granularity?: string;
    readonly query_time_ms: number;
    readonly row_count: number;
    readonly row_limit: number;
    readonly truncated: boolean;
  };
}

export interface UsageView {
  readonly day: string;
  readonly tenant_id: string;
  readonly destination_id: string;
  readonly api_client: string | null;
  readonly billable_attempts: number;
  readonly failed_attempts: number;
}

export interface ReplayView {
  readonly id: string;
  readonly tenant_id: string;
  readonly destination_id: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly count: number;
  readonly pending: number;
  readonly done: number;
  readonly failed: number;
  readonly canceled: number;
  readonly created_by: string;
  readonly ended_at: string | null;
}

export interface DeletionsView {
  readonly models: readonly {
    readonly tenant_id: string;
    readonly started_at: string;
    readonly remaining: Readonly<Record<'events' | 'deliveries' | 'attempts', number>>;
  }[];
}
